"""What happened at Northwind Foods before the demo begins: eight automations, one in each state that is worth a look.

Draft with things missing, in review at stage 1, in stage 2 with everything from waiting to refused, decided and waiting for its
owner, live with a newer version in review, live with reviews due, stopped by its kill switch, rejected.
"""

from __future__ import annotations

from governance.demo.directing import Director
from governance.demo.playing import Story
from governance.demo.story import finance, marketing_and_people, supply


def stories(director: Director) -> list[Story]:
    """Every automation's story, not begun yet."""
    return [
        supply.weekly_stock_report(director),
        supply.cold_chain_alert(director),
        supply.price_list_sync(director),
        finance.supplier_onboarding(director),
        finance.payment_run_exporter(director),
        finance.invoice_chaser(director),
        marketing_and_people.campaign_copy_agent(director),
        marketing_and_people.leave_request_helper(director),
    ]

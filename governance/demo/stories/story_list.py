"""The stories of Northwind Foods: twenty-two automations, at least one in each state of interest.

States include drafts; stages 1 and 2 with all results; decided; live with reviews due, overdue or kept; stopped;
suspended by silence; retired.
"""

from __future__ import annotations

from governance.demo.stories import campaigns, finance, it, marketing_and_people, shops_and_logistics, supply
from governance.demo.stories.director import Director
from governance.demo.stories.playback import Story


def stories(director: Director) -> list[Story]:
    """Every story, not started."""
    return [
        supply.weekly_stock_report(director),
        supply.cold_chain_alert(director),
        supply.price_list_sync(director),
        finance.supplier_onboarding(director),
        finance.payment_run_exporter(director),
        finance.invoice_chaser(director),
        marketing_and_people.campaign_copy_agent(director),
        marketing_and_people.newsletter_writer(director),
        marketing_and_people.leave_request_helper(director),
        marketing_and_people.voucher_mailer(director),
        marketing_and_people.web_analytics_digest(director),
        marketing_and_people.salary_question_helper(director),
        it.rates_on_the_intranet(director),
        it.incident_scribe(director),
        it.incident_in_the_sandbox(director),
        it.shift_handover_agent(director),
        it.alert_deduplicator(director),
        shops_and_logistics.stock_question_agent(director),
        shops_and_logistics.delivery_route_planner(director),
        shops_and_logistics.price_tag_printer(director),
        shops_and_logistics.stock_forecast_trial(director),
        shops_and_logistics.stock_forecast(director),
        shops_and_logistics.reorder_proposals(director),
        campaigns.too_much(director),
        campaigns.after_the_leak(director),
    ]

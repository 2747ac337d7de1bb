"""How Django finds governance.recertification, what it follows, and what it tells the frame around every page."""

from django.apps import AppConfig


class RecertificationConfig(AppConfig):
    """Recertification."""

    name = "governance.recertification"
    label = "recertification"
    verbose_name = "Recertification"

    def ready(self) -> None:
        """Show beside the main link how much waits for the reader; review what has become riskier; forget who is erased; have the deploy
        gate say no to what nobody has reviewed in time.
        """
        from approvals import gate
        from governance.controls import consequences
        from governance.controls.erasing import FORGETTING
        from governance.recertification import announcing, campaign_notices, duties, erasing, risen, still_open
        from governance.recertification.views import queue

        queue.register()
        still_open.register()
        campaign_notices.register()
        announcing.register()
        consequences.register(FORGETTING, erasing.forget)
        consequences.demand(gate.ASKED, duties.REVIEWED_IN_TIME)
        for event, handler in risen.FOLLOWED.items():
            consequences.register(event, handler)

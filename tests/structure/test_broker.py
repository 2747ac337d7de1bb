"""The loss of the broker costs a worker its nudges and not its life (R9)."""

from __future__ import annotations

import uuid

import pytest
from kombu import Queue

from governance.celery import app

pytestmark = pytest.mark.process


@pytest.mark.rule("R9")
def test_channel_with_broken_connection_says_so_and_requeues_nothing(redis: str) -> None:
    with app.connection_for_write() as connection:
        channel = connection.channel()
        queue = Queue(uuid.uuid4().hex)(channel)
        queue.declare()
        connection.Producer(channel).publish({}, routing_key=queue.name)
        message = queue.get(no_ack=False)
        assert message is not None
        channel._disconnect_pools()
        transport, channel.connection.client = (
            channel.connection,
            None,
        )  # as kombu leaves what broke under an unfinished job
        with pytest.raises(connection.connection_errors, match="is lost"):
            message.ack()
        channel.close()
        with pytest.raises(connection.connection_errors, match="is lost"):
            message.ack()  # its job went on, and is done now
        transport.client = connection

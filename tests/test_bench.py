"""The pieces that the benchmarks are made of still fit what they measure."""

import asyncio

from bench import parts, pieces


async def test_both_sides_take_mail_without_a_socket_or_a_store() -> None:
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        clients = pieces.clients(tasks, 2)
        for client in clients:
            client.send_message()
        for client in clients:
            await client.answered()
            client.close()
        office = await pieces.delivering(tasks)
        await office.deliver(50)
        office.stop()


def test_the_wire_the_policy_and_the_classifier_are_measured_with_sessions_that_work() -> None:
    for work in (
        parts.wire_in(),
        parts.wire_out(),
        parts.policy(),
        parts.classify(b"550 5.1.1 <u%d@x.test>: unknown user"),
    ):
        work()

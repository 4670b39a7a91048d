"""Makes the installation that ``bench/peer.sh`` starts: one open Bridge on loopback, everything routed to the sink."""

import asyncio
import sys
from pathlib import Path

from gatepost import config
from gatepost.app import compose
from gatepost.model import directory as directories

TOML = """
data_dir = "data"
hostname = "mta.bench.test"

[[listener]]
name = "bench"
address = "127.0.0.1:2525"
tls = "none"
bridge = "bench"
per_ip_connections = 200  # the load comes from one address

[http]
address = ""

[delivery]
allow_networks = ["127.0.0.0/8"]
"""

LANE = """
[[delivery.lane]]  # the sink takes what comes
provider = "{provider}"
connections = 50
connections_per_min = 0
per_connection = 0
"""

ROUTE = """
[[route]]
domain = "{domain}"
to = "{to}"
"""


def text(domains: int) -> str:
    """The configuration; with 100 domains each has its own address of the sink."""
    targets = {".": "127.0.0.1:2600"}
    if domains > 1:
        targets |= {f"d{n}.test": f"127.0.1.{n}:2600" for n in range(1, domains + 1)}
    lanes = "".join(LANE.format(provider=to) for to in targets.values())
    return TOML + lanes + "".join(ROUTE.format(domain=d, to=to) for d, to in targets.items())


async def make(path: Path, domains: int) -> None:
    """Write the configuration, the data directory and what lives in the store."""
    file = path / "gatepost.toml"
    file.write_text(text(domains))
    settings = config.load(file, {})
    compose.make_data_dir(Path(settings.data_dir))
    store = await compose.open_store(settings, None)
    found = await store.change_directory(
        [directories.Node(0, settings.node), directories.Account(0, "bench")], "bench"
    )
    account = found.accounts[0].id
    found = await store.change_directory([directories.Pool(0, account, "bench")], "bench")
    pool = found.pools[0].id
    await store.change_directory(
        [
            directories.Source(0, pool, "bench-1", ehlo="mta.bench.test"),
            directories.SenderDomain(0, account, "sender.test"),
            # What the sink counts is the load: no notices, though Postfix's figures include the bounces that it makes.
            directories.Bridge(0, account, "bench", pool, notify_sender=directories.NotifySender.OFF),
        ],
        "bench",
    )
    await store.close()


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1]), int(sys.argv[2])))

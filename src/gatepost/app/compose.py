"""Puts a process together from settings: the store, the classifier, the decision, the parts of a worker.

The only module that names the store's adapter. Guarantees: what is wrong with files is a BadInput that names them.
"""

import importlib.resources
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from gatepost import clock as clocks
from gatepost import config, errors
from gatepost.classify import classifier as classifiers
from gatepost.classify import rules
from gatepost.model import directory as directories
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.net import addresses, https, resolver, tls
from gatepost.policy import settings as policy_settings
from gatepost.policy import settle, terms
from gatepost.store import credentials, port, sqlite

MOST_RULES = 1 << 20  # bytes of an operator's files: each process gets them with its orders (app.link)
PEPPER = "pepper"  # the key under which secrets are kept; beside the store, not in it


async def open_store(settings: config.Settings, worker: int | None) -> port.Store:
    """The store of these settings. worker: the number leased by the parent; None for the parent and commands."""
    data_dir = Path(settings.data_dir)
    _check_owner(data_dir)
    return await sqlite.open_store(data_dir, COMMANDS if worker is None else worker)


def has_store(settings: config.Settings) -> bool:
    """Whether there is a store already that this user may open."""
    path = Path(settings.data_dir) / sqlite.FILE
    return path.is_file() and path.stat().st_uid == os.geteuid()


COMMANDS = 511  # the writer's number of commands and the parent, which accept no mail


def shipped_rules() -> dict[str, bytes]:
    """The rule files that come with this version, by name."""
    folder = importlib.resources.files("gatepost.classify") / "data"
    return {item.name: item.read_bytes() for item in folder.iterdir() if item.name.endswith(".toml")}


def own_rules(settings: config.Settings) -> dict[str, bytes]:
    """The operator's rule files, by path; none where there is no folder. Raises BadInput."""
    if not settings.classify.rules:
        return {}
    folder = Path(settings.classify.rules)
    if not folder.is_dir():
        raise errors.BadInput("classify.rules", f"{folder} is not a folder")
    found: dict[str, bytes] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            found[str(path)] = path.read_bytes()
        except OSError as error:
            raise errors.BadInput("classify.rules", f"{path} cannot be read: {error.strerror}") from None
    if sum(map(len, found.values())) > MOST_RULES:
        raise errors.BadInput("classify.rules", f"the files in {folder} have more than {MOST_RULES} bytes")
    return found


def build_classifier(*above: Mapping[str, bytes]) -> classifiers.Classifier:
    """The classifier with the shipped rules and layers of others above them. Raises BadInput."""
    return classifiers.Classifier(rules.load(shipped_rules(), *above))


def build_decide(
    settings: policy_settings.PolicySettings, rand: Callable[[], float] = random.random
) -> port.Decide:
    """The decision that the store asks for each Result: policy, with jitter drawn anew each time."""
    fixed = terms.of(settings)

    def decide(result: results.Result, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
        return settle.settle(result, facts, now_ms, rand(), fixed)

    return decide


def build_resolver(settings: config.Settings, clock: clocks.Clock) -> resolver.Resolver:
    """DNS as ``[dns]`` says. Raises BadInput."""
    dns = settings.dns
    return resolver.Resolver(dns.servers, clock=clock, shuffle=random.shuffle, control=dns.control)


def build_fetcher(settings: config.Settings, finds: resolver.Resolver) -> https.Fetcher:
    """What fetches MTA-STS policies. Raises BadInput."""
    context = tls.client_context(verify=True, ca_path=settings.delivery.tls_ca)
    return https.Fetcher(finds, build_rules(settings), context)


def build_rules(settings: config.Settings) -> addresses.AddressRules:
    """Where this machine may connect to."""
    delivery = settings.delivery
    return addresses.rules(delivery.allow_networks, delivery.only_networks, addresses.own_addresses())


async def ensure_node(store: port.Store, name: str) -> None:
    """Let the directory know this machine, so that events can name it."""
    known = await store.directory()
    if all(node.name != name for node in known.nodes):
        await store.change_directory([directories.Node(0, name)], "gatepost")


def pepper(settings: config.Settings) -> bytes:
    """The installation's own key, made by ``gatepost init``. Raises BadInput."""
    path = Path(settings.data_dir) / PEPPER
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.BadInput(
            str(path), f"cannot be read: {error.strerror}; `gatepost init` makes it"
        ) from None


def make_data_dir(path: Path) -> None:
    """Create a data directory with its pepper; what is there stays."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = path / PEPPER
    if not secret.exists():
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(credentials.new_pepper())
            file.flush()
            os.fsync(file.fileno())


def clock() -> clocks.Clock:
    """The machine's."""
    return clocks.SystemClock()


def _check_owner(data_dir: Path) -> None:
    try:
        owner = data_dir.stat().st_uid
    except OSError as error:
        raise errors.BadInput(str(data_dir), f"cannot be opened: {error.strerror}") from None
    if owner != os.geteuid():
        raise errors.BadInput(str(data_dir), f"belongs to user {owner}: run this command as that user")

"""Keys of sender domains as the Directory has them, for tests: one of each kind for shop.test, and rings of them."""

from tests.dkim import dkim_values

from gatepost.delivery import ring
from gatepost.dkim import keys
from gatepost.model import directory as directories

ACTIVE = directories.KeyState.ACTIVE


def entry(
    number: int, key: keys.Key, *, domain: int = 1, selector: str = "", state: directories.KeyState = ACTIVE
) -> directories.DkimKey:
    algorithm = directories.KeyAlgorithm(key.algorithm.value)
    return directories.DkimKey(number, domain, selector or f"s{number}", algorithm, key.pem, state)


def ring_of(
    *entries: directories.DkimKey, domains: tuple[tuple[int, str], ...] = ((1, "shop.test"),)
) -> ring.Ring:
    owned = tuple(directories.SenderDomain(n, account, name) for n, (account, name) in enumerate(domains, 1))
    return ring.Ring(directories.Directory(1, sender_domains=owned, dkim_keys=entries))


BOTH = (entry(1, dkim_values.rsa_key()), entry(2, dkim_values.ed25519_key()))
RECORDS = {
    "s1._domainkey.shop.test": dkim_values.rsa_key().record,
    "s2._domainkey.shop.test": dkim_values.ed25519_key().record,
}

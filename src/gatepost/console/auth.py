"""Who asks: API keys with a role, and a Bridge's own key, which sees only what is the Bridge's.

Guarantees: what is compared are MACs under the installation's pepper, found by a look-up, so that a wrong key takes as
long as the right one; a revoked key opens nothing from the next look at the Directory on; a key with networks opens
nothing from elsewhere. Not here: how secrets are made and kept (``store.credentials``).
"""

import msgspec

from gatepost.model import directory as directories
from gatepost.net import addresses
from gatepost.store import credentials


class Caller(msgspec.Struct, frozen=True):
    """Who asks. name: as the audit log writes it. mac: of the key.

    number: under which requests that are made twice are recognised: a Bridge's id, an API key's below zero.
    bridge: the Bridge whose own key it is; its role is none of the three.
    """

    name: str
    number: int
    role: directories.Role
    networks: tuple[str, ...] = ()
    bridge: directories.Bridge | None = None
    mac: bytes = b""

    def comes_from(self, ip: str) -> bool:
        """Whether the key may be used from there."""
        return not self.networks or addresses.within(ip, self.networks)


class Keyring:
    """Every key of one version of the Directory."""

    def __init__(self, directory: directories.Directory) -> None:
        self.directory = directory
        accounts = {account.id: account.name for account in directory.accounts}
        self._callers: dict[bytes, Caller] = {}
        for bridge in directory.bridges:
            if bridge.key_mac and not bridge.revoked_at:
                name = f"bridge:{accounts.get(bridge.account, '')}/{bridge.name}"
                self._callers[bridge.key_mac] = Caller(
                    name, bridge.id, directories.Role.READ, bridge.networks, bridge, bridge.key_mac
                )
        for key in directory.api_keys:
            if not key.revoked_at:
                self._callers[key.key_mac] = Caller(
                    f"key:{key.name}", -key.id, key.role, key.networks, None, key.key_mac
                )

    def holds(self, caller: Caller) -> bool:
        """Whether that key still opens what it opened."""
        found = self._callers.get(caller.mac)
        return found is not None and found.role >= caller.role

    def caller(self, pepper: bytes, given: bytes) -> Caller | None:
        """Whose key that is."""
        return self._callers.get(credentials.mac(pepper, given))

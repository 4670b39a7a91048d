"""What a Deliverer is made of."""

from collections.abc import Callable

import msgspec

from gatepost import clock as clocks
from gatepost.classify import classifier as classifiers
from gatepost.delivery import opener, returning, ring, route
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.store import port


class Parts(msgspec.Struct, frozen=True):
    """What a Deliverer is made of; ``app`` puts it together. time_scale: what every duration of pacing is multiplied by."""

    store: port.Store
    classifier: classifiers.Classifier
    decide: port.Decide
    router: route.Router
    opener: opener.Opener
    clock: clocks.Clock
    settings: delivery_settings.DeliverySettings
    source: Callable[[int], directories.Source | None]
    tell_other: Callable[[int], None]
    node: int = 0
    assignment: port.Assignment = port.Assignment(0)
    signing: delivery_settings.SigningSettings = delivery_settings.SigningSettings()
    keys: Callable[[], ring.Ring] = lambda: ring.EMPTY
    paths: Callable[[], returning.Paths] = lambda: returning.NONE
    standing: Callable[[], directives.Standing] = lambda: directives.NONE
    time_scale: float = 1.0

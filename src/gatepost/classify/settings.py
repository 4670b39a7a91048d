"""``[classify]``: where the operator's own rules are. Guarantees: nothing; the folder is read by ``gatepost.app``."""

import msgspec


class ClassifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """rules: a folder of rule files that stand above the shipped ones; empty: ``rules`` beside the file, if it is there."""

    rules: str = ""

"""The store's adapter for SQLite: embedded, one file, durable before every answer (design.md §4)."""

from gatepost.store.sqlite.store import FILE as FILE
from gatepost.store.sqlite.store import open_store as open_store

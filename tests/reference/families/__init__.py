"""The vectors, family by family."""

from __future__ import annotations

from families import documents, keys, pairs, providers, published, signing, standard_webhooks
from suite import Suite


def all_suites() -> list[Suite]:
    modules = (pairs, standard_webhooks, providers, documents, keys, published, signing)
    return [suite for module in modules for suite in module.families()]

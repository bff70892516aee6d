"""The names that we give to credentials, and how ours are told from those of others.

A name is `mif-<cluster>-<owner>-<pair>`: 8, 16 and 8 characters of lower-case base32 of SHA-256 over `entrafed/1`, NUL,
and the NUL-joined UTF-8 fields, unnormalised. So what is ours is read off a list without any status, and a lost answer
or a crash leads to the same name again.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from entrafed.domain.credentials import Pair

FORMAT = "entrafed/1"
CLUSTER_LENGTH, OWNER_LENGTH, PAIR_LENGTH = 8, 16, 8
_NAME = re.compile(
    rf"mif-(?P<cluster>[a-z2-7]{{{CLUSTER_LENGTH}}})-(?P<owner>[a-z2-7]{{{OWNER_LENGTH}}})-(?P<pair>[a-z2-7]{{{PAIR_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The parts of a credential's name that say whose it is."""

    cluster: str
    owner: str
    pair: str

    def __str__(self) -> str:
        return f"mif-{self.cluster}-{self.owner}-{self.pair}"


def read_mark(name: str) -> Mark | None:
    """The mark in a credential's name, or None where the name is not one of ours. Case is folded: ARM may change it."""
    match = _NAME.fullmatch(name.lower())
    return Mark(match["cluster"], match["owner"], match["pair"]) if match else None


def cluster_mark(kube_system_uid: str) -> str:
    """The mark of a cluster, from the UID of its namespace `kube-system`."""
    return _digest(kube_system_uid)[:CLUSTER_LENGTH]


def owner_mark(namespace: str, name: str) -> str:
    """The mark of a ManagedIdentityFederation: one that is made again under its name finds its own."""
    return _digest(namespace, name)[:OWNER_LENGTH]


def pair_mark(pair: Pair) -> str:
    """An expression is a third field, so that no subject can be taken for one."""
    flexible = (pair.expression,) if pair.expression else ()
    return _digest(pair.issuer, pair.subject, *flexible)[:PAIR_LENGTH]


def is_marked_for(name: str, pair: Pair) -> bool:
    """Whether a name is one of ours, and says that it is of this pair."""
    mark = read_mark(name)
    return mark is not None and mark.pair == pair_mark(pair)


def _digest(*fields: str) -> str:
    text = "\0".join((FORMAT, *fields))
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()

"""What other people do in Azure, and what they leave behind."""

from entrafed.domain.marks import Mark, pair_mark
from entrafed_lab.azure.seed import API_IDENTITY
from sequences import acts, cast
from sequences.acts import Act, Whose
from sequences.book import Book, as_product, owner
from sequences.cast import EXAMPLE, FOR_APPLICATIONS, LIMIT, SLOTS, WEB, is_expression

FILLER = "filler"


class Others:
    """Everybody but the operator."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._made = 0

    def perform(self, act: Act) -> bool:
        """Whether the act was possible."""
        match act:
            case acts.OthersCreate(holder, source, audience):
                self._made += 1
                pair = self.book.pair(SLOTS[0], source)
                done = pair is not None and self._make(holder, f"by-hand-{self._made}", pair, audience)
            case acts.OthersFill(holder, room):
                missing = range(LIMIT - room - len(self.book.standing(holder)))
                made = [self._make(holder, f"{FILLER}-{n}", (EXAMPLE, f"{FILLER}-{n}")) for n in missing]
                done = any(made)
            case acts.OthersEmpty(holder):
                done = self._remove(holder, [n for n in self.book.standing(holder) if n.startswith(FILLER)])
            case acts.OthersRemove(holder, which):
                done = self._remove(holder, self._chosen(holder, which))
            case acts.OthersChange():
                done = self._change(act)
            case acts.LeftBehind():
                done = self._leave_behind(act)
            case acts.IdentityMadeAgain():
                self.book.ground.azure.world.recreate_identity(API_IDENTITY)
                done = True
            case _:
                raise NotImplementedError(act)
        return done

    def _chosen(self, holder: str, which: int) -> list[str]:
        """One credential, as long as there are others one that is no filler."""
        names = sorted(self.book.standing(holder), key=lambda name: (name.startswith(FILLER), name))
        return [names[which % len(names)]] if names else []

    def _make(self, holder: str, name: str, pair: cast.Pair, audience: str = cast.EXCHANGE) -> bool:
        standing = self.book.standing(holder)
        if name in standing or len(standing) >= LIMIT or pair in {c[:2] for c in standing.values()}:
            return False
        self.book.holder(holder).add_foreign_credential(
            name=name, issuer=pair[0], audiences=(audience,), **_whom(pair[1])
        )
        self.book.others_did(holder, name)
        return True

    def _remove(self, holder: str, names: list[str]) -> bool:
        for name in names:
            self.book.holder(holder).remove(name)
            self.book.others_did(holder, name)
        return bool(names)

    def _change(self, act: acts.OthersChange) -> bool:
        standing = self.book.standing(act.holder)
        if not standing:
            return False
        (name,) = self._chosen(act.holder, act.which)
        issuer, subject, _ = standing[name]
        if act.subject and is_expression(subject):
            subject = cast.expression(f"repo:contoso/{act.subject}:*")
        elif act.subject and issuer == EXAMPLE:
            subject = act.subject
        if any((issuer, subject) == c[:2] for other, c in standing.items() if other != name):
            return False
        audiences = (act.audience,) if act.audience else None
        self.book.holder(act.holder).change_credential(name, audiences=audiences, **_whom(subject))
        self.book.others_did(act.holder, name)
        return True

    def _leave_behind(self, act: acts.LeftBehind) -> bool:
        pair = self.book.pair(SLOTS[0], act.source)
        assert pair is not None
        if act.holder == WEB and act.source in FOR_APPLICATIONS:  # what nobody of ours can have written
            return False
        owners = {Whose.NOBODY: "n" * 16, Whose.FIRST_SLOT: owner(SLOTS[0]), Whose.OTHER_CLUSTER: owner(SLOTS[0])}
        cluster = "zzzzzzzz" if act.whose is Whose.OTHER_CLUSTER else self.book.ground.cluster
        name = str(Mark(cluster, owners[act.whose], pair_mark(as_product(pair))))
        place = (act.holder, name)
        if not self._make(act.holder, name, pair):
            return False
        if act.whose is not Whose.OTHER_CLUSTER:
            self.book.may_stay.add(place)
        if act.whose is Whose.NOBODY and pair not in self.book.asked(act.holder):
            self.book.orphans[place] = self.book.standing(act.holder)[name]
        return True


def _whom(subject: str | None) -> dict[str, str]:
    """Whom a credential trusts, in the words of the lab. An expression may be spelled otherwise than we do."""
    if subject is None:
        return {}
    if is_expression(subject):
        return {"expression": " and ".join(reversed(subject.split(" and ")))}
    return {"subject": subject}

"""The visits of a loop: each connection belongs to a user, who goes through the steps of one visit after another.

    UserVisit --> VisitStep --> VisitStep --> ... --> a new visit, with an empty cookie jar and a free row of values

A user whose connection is closed waits for a new one, and goes on with the same visit. After a wrong response the visit
ends, because the later steps need it. In most steps nothing is parsed: the request is put together from bytes, and the
response is recognised by its bytes (response_shape.py). Everything else is the work of `traffic.visit.Visit`.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.load.generator.loop import LoopCounters
from wsgi_gauntlet.harness.load.generator.request_source import (
    NO_MATCH,
    Match,
    PendingRequest,
    RequestEnd,
    RequestKind,
    WrongResponse,
)
from wsgi_gauntlet.harness.load.generator.step_figures import StepFigures
from wsgi_gauntlet.harness.load.generator.visit_step import StepCounts, VisitStep, kind_of
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.rows import Rows
from wsgi_gauntlet.harness.traffic.template import ORIGIN, MissingValue, OtherSite
from wsgi_gauntlet.harness.traffic.visit import Fault, Visit, contains_text, decoded_body

CHOICES = 4096
"""Sequences that are chosen at once. After that the same choices come again."""

MAX_STEP_NAMES = 128
"""Steps with figures of their own; a histogram takes 74 KB. The steps after them are counted together."""

OTHER_STEPS = "other steps"
"""The name of the steps that are counted together."""

MAX_ROWS_SEARCHED = 1000
"""Rows of a value list that are looked for in the page of another user. The loop stands still meanwhile."""

MAX_OWNER_SEARCHES = 5
"""Pages of one step in which the text of another user is looked for, until one has it."""

MAX_VISITS_WITHOUT_REQUEST = 100
"""Visits in a row whose next request cannot be made. The traffic cannot be sent then."""


class UserVisit(PendingRequest):
    """A user and the present visit; as a PendingRequest it is the next request of the visit.

    `hop` is the number of redirects before the request. If the visit itself made the request, `made` has its path and
    its kind; else those of the step are right. If the visit has taken the response, `taken` is true, and `goes_on` says
    whether the same visit has a next request.
    """

    __slots__ = ("ended", "goes_on", "hop", "made", "redirects", "step", "taken", "visit")

    def __init__(self, visit: Visit, step: VisitStep) -> None:
        super().__init__(b"")
        self.visit = visit
        self.step = step
        self.made: tuple[bytes, RequestKind] | None = None
        self.hop = 0
        self.taken = self.goes_on = self.redirects = False
        self.ended: RequestEnd | None = None


class UserVisits:
    """The users of one loop, as a RequestSource. There are as many as there were connections at once."""

    def __init__(self, traffic: VerifiedTraffic, address: Address) -> None:
        compiled = CompiledTraffic(traffic.traffic, keep=traffic.keep)
        self.traffic = traffic
        self._compiled = compiled
        self._expected = traffic.expected
        self._keep = traffic.keep
        self._host = address.authority.encode("ascii")
        self._scheme = "https" if address.tls else "http"
        self._origin = f"{self._scheme}://{address.authority}"
        self._rows = Rows(compiled, itertools.count(traffic.first_visit, traffic.stride))
        self._choices = _choices(traffic)
        self._counts: dict[str, StepCounts] = {}
        self._first_steps = [self._steps(number) for number in range(len(compiled.sequences))]
        self._waiting: deque[UserVisit] = deque()
        self._counters = LoopCounters(0)
        self._messages: dict[tuple[str, Fault], str] = {}
        self._proven: set[tuple[str, Fault]] = set()
        self._owner_searches: Counter[str] = Counter()
        self._users: list[UserVisit] = []
        self.longest_learned = 0

    def _steps(self, sequence: int) -> VisitStep:
        """Return the first step of a sequence, with the others behind it."""
        name = self._compiled.sequences[sequence].sequence.name
        expected = self._expected[sequence]
        steps = [
            VisitStep(each, index, expected[index], self._counts_for(step_name(name, each.step.name)))
            for index, each in enumerate(self._compiled.sequences[sequence].steps)
        ]
        for step, following in itertools.pairwise(steps):
            step.next = following
        for step in steps:
            step.prepare(self._host, keep=self._keep)
        return steps[0]

    def _counts_for(self, name: str) -> StepCounts:
        if name not in self._counts and len(self._counts) >= MAX_STEP_NAMES:
            name = OTHER_STEPS
        return self._counts.setdefault(name, StepCounts(name))

    # ------------------------------------------------------------------ visits before the load (lead_in.py)

    def begin(self, sequence: int) -> Visit:
        """Return a new visit of a sequence. Its user must `join` or `leave`."""
        visit = Visit(self._compiled, sequence, self._rows.take(sequence), expected=self._expected[sequence])
        if visit.step.host is None:
            # The visit does this in its first request, which it may never make.
            visit.values[ORIGIN] = self._origin
        return visit

    def join(self, visit: Visit, hop: int) -> None:
        """Let the user of `visit` wait for a connection after the others, to go on after `hop` redirects of a step."""
        step = self._first_steps[visit.sequence]
        while step.index < visit.position and step.next is not None:
            step = step.next
        user = UserVisit(visit, step)
        user.hop, user.ended = hop, RequestEnd.NOT_SENT
        self._users.append(user)
        self._waiting.append(self._prepare(user))

    def leave(self, visit: Visit) -> None:
        """End `visit`, whose user has not joined."""
        self._rows.release(visit)

    def has_free_row(self, sequence: int) -> bool:
        """Return whether a new visit of a sequence would share no row of values with another."""
        return self._rows.has_free(sequence)

    # ------------------------------------------------------------------ requests

    def take(self) -> UserVisit:
        """Return a user who waits for a connection, or a new one."""
        if not self._waiting:
            visit, step = self._new_visit()
            user = UserVisit(visit, step)
            self._users.append(user)
            return self._prepare(user)
        user = self._waiting.popleft()
        if user.ended is RequestEnd.NOT_SENT:
            return user
        if user.ended is RequestEnd.FAILED:
            user.visit, user.step = self._new_visit(user.visit)
            user.hop, user.taken = 0, False
            return self._prepare(user)
        return self.following(user)

    def following(self, user: UserVisit) -> UserVisit:
        """Return the user with the next request: that of a redirect, of the next step, or of a new visit."""
        step: VisitStep | None
        if user.taken:
            user.taken = False
            if user.redirects:
                user.hop += 1
                return self._prepare(user)
            step = user.step.next if user.goes_on else None
        else:
            step = user.step.next
        user.hop = 0
        if step is None:
            user.visit, step = self._new_visit(user.visit)
        user.step = step
        path = step.path
        if path is None:
            return self._prepare(user)
        # The hot path: all of `_prepare` that matters here.
        cookies = user.visit.jar.header(path)
        request = step.before_cookies + cookies + step.after_cookies if cookies else step.alone
        if step.body is not None:
            try:
                body = step.body.render(user.visit.values)
            except MissingValue:
                return self._prepare(user)
            request += b"%d\r\n\r\n%b" % (len(body), body)
        user.request = request
        user.response = step.exact
        user.made = None
        return user

    def _prepare(self, user: UserVisit) -> UserVisit:
        """Make the next request of `user`. If a value is missing, the visit fails and a new one begins.

        It ends without a failure at a link to another site.
        """
        for _ in range(MAX_VISITS_WITHOUT_REQUEST):
            step, visit = user.step, user.visit
            visit.position = step.index
            try:
                made = visit.request(self._host, self._scheme)
            except MissingValue as missing:
                if isinstance(missing, OtherSite):
                    # The pages of the app have such links, so no response is wrong.
                    self._counters.add_error(f"{step.counts.name}: not sent, because {missing.reason}")
                else:
                    step.counts.failed += 1
                    self._counters.wrong += 1
                    self._counters.add_error(f"{step.counts.name}: no response had the value {missing}, which it needs")
                user.visit, user.step = self._new_visit(visit)
                user.hop = 0
                continue
            user.request = made.data
            user.response = NO_MATCH if user.hop else step.exact
            user.made = (made.target.partition(b"?")[0], kind_of(made.method, keep=self._keep))
            return user
        raise ValueError(
            f"{self._compiled.traffic.source or 'the traffic'}: no visit can be made, because values are missing; "
            "see `wsgi-gauntlet traffic check`"
        )

    def _new_visit(self, ended: Visit | None = None) -> tuple[Visit, VisitStep]:
        """Return a new visit in the place of the one that `ended`, with its first step."""
        if ended is not None:
            self._rows.release(ended)
        sequence = next(self._choices)
        return self.begin(sequence), self._first_steps[sequence]

    def _path(self, user: UserVisit) -> bytes:
        return (user.step.path or b"/") if user.made is None else user.made[0]

    def put_back(self, user: UserVisit, end: RequestEnd) -> None:
        """Let `user` wait for a new connection. One whose request was not answered comes first."""
        user.ended = end
        if end is RequestEnd.NOT_SENT:
            self._waiting.appendleft(user)
        else:
            self._waiting.append(user)

    def kind(self, user: UserVisit) -> RequestKind:
        """Return the properties of the request."""
        return user.step.kind if user.made is None else user.made[1]

    def longest_response(self, user: UserVisit) -> int:
        """Return the bytes beyond which a response is wrong."""
        return user.step.longest_response

    # ------------------------------------------------------------------ responses

    def recognize(self, user: UserVisit, data: bytes | bytearray) -> Match:
        """Compare `data` with the shapes of its length. A recognised response changes the jar and the values."""
        step = user.step
        shape = step.shapes.get((user.hop, len(data)))
        if shape is None or not shape.matches(data):
            return Match.NONE
        captured = shape.take(data, user.visit, self._path(user))
        if captured is None:
            return Match.NONE
        if shape.redirect is not None:
            # The visit knows its last request: it makes those of steps that follow redirects.
            outcome = user.visit.receive(shape.redirect)
            if not outcome.ok or outcome.next != "redirect":
                return Match.NONE
            user.redirects = user.taken = True
        else:
            if captured:
                user.visit.values.update(captured)
            if user.hop:
                user.visit.skip()  # it forgets the redirect
            user.redirects, user.goes_on, user.taken = False, True, True
            if shape.exact and not shape.closes and not user.hop:
                step.exact = bytes(data)
        return Match.CLOSES if shape.closes else Match.KEPT

    def may_become_correct(self, user: UserVisit, data: bytes | bytearray) -> bool:
        """Return whether `data` is the beginning of a response with a known shape."""
        length, hop = len(data), user.hop
        return any(
            shape.length > length and number == hop and shape.may_begin_with(data)
            for (number, _), shape in user.step.shapes.items()
        )

    def check(self, user: UserVisit, response: Response) -> WrongResponse | None:
        """Let the visit take a complete response; return what is wrong with it, None if it is correct."""
        visit = user.visit
        visit.position = user.step.index
        if user.made is None:
            # The request was put together without the visit, which must know its target.
            visit.request(self._host, self._scheme)
        outcome = visit.receive(response)
        user.taken = True
        user.redirects, user.goes_on = outcome.next == "redirect", outcome.ok and outcome.next == "step"
        if outcome.ok:
            return None
        fault = outcome.fault or Fault.INCOMPLETE
        message = self._message(user, fault, outcome.reason, response)
        return WrongResponse(message, body=fault not in (Fault.INCOMPLETE, Fault.STATUS))

    def _message(self, user: UserVisit, fault: Fault, reason: str, response: Response) -> str:
        """Return one message for each fault of a step: the first one is an example of all.

        For a page without its user it is the first one that is the page of another user, if one of the first few is.
        """
        key = (user.step.counts.name, fault)
        if fault is not Fault.OWNER:
            return self._messages.setdefault(key, reason)
        if key not in self._proven and self._owner_searches[key[0]] < MAX_OWNER_SEARCHES:
            self._owner_searches[key[0]] += 1
            if proof := self._other_owner(user, decoded_body(response)):
                self._proven.add(key)
                self._messages[key] = f"the page of another user: it has {proof}"
        return self._messages.setdefault(key, f"a page without the text of its user: {reason}")

    def _other_owner(self, user: UserVisit, body: bytes) -> str:
        """Return whose page `body` is, '' if it has no text of the step with the values of another user."""
        mine = user.visit.values
        for template, names_owner in user.step.compiled.contains:
            if not (names_owner and mine.keys() >= {*template.names}) or contains_text(body, template, mine):
                continue
            for values in self._values_of_others(user, template.names):
                theirs = {**mine, **values}
                different = [name for name in template.names if theirs[name] != mine[name]]
                if (
                    different
                    and all(theirs[name] for name in template.names)
                    and template.render(theirs) not in template.render(mine)
                    and contains_text(body, template, theirs)
                ):
                    name = different[0]
                    return f"{name} {theirs[name][:80]!r} in place of {mine[name][:80]!r}"
        return ""

    def _values_of_others(self, user: UserVisit, names: Sequence[str]) -> Iterator[Mapping[str, str]]:
        """Yield the values `names` of present visits, and of the first rows: the other user may have left."""
        for each in self._users:
            if each is not user:
                yield {name: each.visit.values[name] for name in names if name in each.visit.values}
        for values in self._compiled.traffic.values:
            columns = [(f"{values.name}.{column}", at) for at, column in enumerate(values.columns)]
            wanted = [(name, at) for name, at in columns if name in names]
            for row in values.rows[:MAX_ROWS_SEARCHED] if wanted else ():
                yield {name: row[at] for name, at in wanted}

    def learn(self, response: Response, user: UserVisit, *, closes: bool) -> None:
        """Learn the shape of a correct response."""
        self.longest_learned = max(self.longest_learned, len(response.raw))
        user.step.learn(response, user.visit, user.hop, self._path(user), closes=closes, redirected=user.redirects)

    def describe(self, user: UserVisit, message: str) -> str:
        """Return `message` with the name of the step."""
        return f"{user.step.counts.name}: {message}"

    # ------------------------------------------------------------------ figures

    def fail(self, user: UserVisit) -> None:
        """Count a request that failed."""
        user.step.counts.failed += 1

    def count(self, user: UserVisit, latency: int, times: int) -> None:
        """Count a correct response to the present step."""
        user.step.counts.latency.record(latency, times)

    def restart_counters(self, counters: LoopCounters) -> None:
        """Reset the figures of the steps."""
        self._counters = counters
        for each in self._counts.values():
            each.restart()

    def steps(self) -> tuple[StepFigures, ...]:
        """Return the figures of each step that was requested."""
        return tuple(each.figures() for each in self._counts.values())


def step_name(sequence: str, step: str) -> str:
    """Return the name of a step in results."""
    return step if step == sequence else f"{sequence}: {step}"


def _choices(traffic: VerifiedTraffic) -> Iterator[int]:
    """Return the sequences of the visits, at random by their weights; each process has its own order."""
    chance = random.Random(f"{traffic.seed} {traffic.first_visit}")
    weights = [each.weight for each in traffic.traffic.sequences]
    return itertools.cycle(chance.choices(range(len(weights)), weights, k=CHOICES))

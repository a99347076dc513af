"""The four methods of the Device Production API, each a plain blocking call that returns what the server confirmed."""

from __future__ import annotations

import re
from random import Random

from drivers.clock import Clock
from station.ports import Confirmed
from station.production_api.batch import IdBatch, sift
from station.production_api.errors import (
    ApiAnswerInvalid,
    ApiAnswerOther,
    ApiDefect,
    ApiIdsRefused,
    ApiLicencesExhausted,
    ApiRefused,
    ApiSnsRefused,
)
from station.production_api.exchange import Call, Done, Exchange
from station.production_api.http import HttpPort
from station.production_api.options import ApiOptions
from station.production_api.tokens import Tokens
from station.production_api.wire import (
    ACTIVATE_DEVICE_ID,
    BIND_SN,
    REQUEST_DEVICE_ID,
    REQUEST_SN,
    Activated,
    ActivateParams,
    BindParams,
    Bound,
    DeviceIdList,
    Model,
    PacketRefused,
    SizeParams,
    SnList,
    build,
    printable_line,
    read,
    request_body,
)


class ProductionClient:
    """The client. All threads may use one, since nothing is kept between calls but the token; a cycle that is recorded uses a
    view of its own (``with_port``)."""

    def __init__(self, options: ApiOptions, http: HttpPort, tokens: Tokens, clock: Clock, random: Random) -> None:
        self._options = options
        self._exchange = Exchange(options, http, tokens, clock, random)

    def with_port(
        self, http: HttpPort, random: Random, clock: Clock | None = None, tokens: Tokens | None = None
    ) -> ProductionClient:
        """A client that sends through another port with another source of chance, and shares the rest unless it is given."""
        shared = self._exchange
        return ProductionClient(self._options, http, tokens or shared.tokens, clock or shared.clock, random)

    def activate(self, chip_id: str, app_eui: str, device_id: str | None, *, repeated: bool) -> Confirmed:
        """activateDeviceId (2.2). With ``device_id`` None the server allocates (scenario 1) and the call is never repeated
        once it may have arrived. Raises ApiError."""
        who = printable_line(f"activateDeviceId {device_id or '(server allocates)'} for chip {chip_id}")
        params = _ours(who, ActivateParams, device_id=device_id, chip_id=chip_id, app_eui=app_eui)
        call = Call(who, request_body(ACTIVATE_DEVICE_ID, params), device_id is not None, repeated)
        done = self._exchange.perform(call)
        answered = _data(call, Activated, done).device_id
        return self._confirmed(call, done, device_id, answered, self._options.device_id_pattern)

    def bind(self, device_id: str, sn: str | None, *, repeated: bool) -> Confirmed:
        """bindSN (2.4). With ``sn`` None the server generates one (scenario 2) and the call is never repeated once it may have
        arrived. Raises ApiError."""
        who = printable_line(f"bindSN {sn or '(server generates)'} to DeviceID {device_id}")
        if sn == "":
            raise ApiDefect(f"{who}: an empty SN; None lets the server generate one")
        generate = None if self._options.omit_sn_to_generate else ""
        params = _ours(who, BindParams, device_id=device_id, sn=generate if sn is None else sn)
        call = Call(who, request_body(BIND_SN, params), sn is not None, repeated)
        done = self._exchange.perform(call)
        return self._confirmed(call, done, sn, _data(call, Bound, done).sn, self._options.sn_pattern)

    def request_device_ids(self, size: int) -> IdBatch:
        """requestDeviceId (2.1): spends up to ``size`` licences. Not repeated once it may have arrived: ApiAnswerLost then
        means that ``size`` ids are possibly lost. Any refusal is ApiLicencesExhausted. Raises ApiError."""
        call, done = self._request(REQUEST_DEVICE_ID, size, ApiLicencesExhausted)
        return sift(_data(call, DeviceIdList, done).device_id_list, size, self._options.device_id_pattern)

    def request_sns(self, size: int) -> IdBatch:
        """requestSN (2.3), with the rules of ``request_device_ids``. Any refusal is ApiSnsRefused."""
        call, done = self._request(REQUEST_SN, size, ApiSnsRefused)
        return sift(_data(call, SnList, done).sn_list, size, self._options.sn_pattern)

    def _request(self, method: str, size: int, refused: type[ApiIdsRefused]) -> tuple[Call, Done]:
        who = f"{method} of {size}"
        if size > self._options.batch_limit:
            raise ApiDefect(f"{who}: more than the {self._options.batch_limit} ids one call may ask for")
        call = Call(who, request_body(method, _ours(who, SizeParams, size=size)), repeatable=False)
        try:
            return call, self._exchange.perform(call)
        except ApiRefused as error:
            raise refused(
                str(error),
                api_code=error.api_code,
                desc=error.desc,
                may_have_happened=error.may_have_happened,
                attempts=error.attempts,
            ) from error

    def _confirmed(self, call: Call, done: Done, named: str | None, answered: str, pattern: str) -> Confirmed:
        """The id the server answered, which must be the one named, character for character, or match where none was."""
        if named is not None and answered != named:
            raise ApiAnswerOther(
                f"{call.subject}: the answer names {answered}",
                named=named,
                answered=answered,
                attempts=done.attempts,
            )
        if named is None and not re.fullmatch(pattern, answered):
            raise _invalid(call, done, f"{answered!r} does not match the configured pattern")
        return Confirmed(answered)


def _ours(who: str, model: type[Model], **values: object) -> Model:
    try:
        return build(model, **values)
    except PacketRefused as error:
        raise ApiDefect(f"{who}: not sent: {error}") from error


def _data(call: Call, model: type[Model], done: Done) -> Model:
    try:
        return read(model, done.packet.data)
    except PacketRefused as error:
        raise _invalid(call, done, f"data.{error}") from error


def _invalid(call: Call, done: Done, why: str) -> ApiAnswerInvalid:
    return ApiAnswerInvalid(f"{call.subject}: {why}", api_code="000000", may_have_happened=True, attempts=done.attempts)

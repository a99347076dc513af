"""What a configuration file may say. Each part that belongs to a driver is that driver's own frozen options class.

A part that can be of several kinds is a mapping with exactly one key, the kind: ``trigger: {presence: {interval_s: 0.2}}``.
Unknown keys are errors everywhere; numbers, texts and booleans are never taken for one another.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_validator,
)

from drivers.bootloader.stm32.options import Stm32Options
from drivers.bootloader.text_options import TextLineOptions
from drivers.file_sink import FileSinkOptions
from drivers.printer.cups_options import CupsOptions
from drivers.printer.escpos_options import EscposOptions
from drivers.printer.image import ImageOptions
from drivers.printer.zpl import ZplOptions
from drivers.serial_port import SerialOptions
from drivers.tcp_port import TcpOptions
from drivers.trigger.button import ButtonOptions
from drivers.trigger.gpio import GpioTriggerOptions
from drivers.trigger.hid_scanner import HidScannerOptions
from drivers.trigger.keyboard import KeyboardOptions
from drivers.trigger.modem_line import ModemLineOptions
from drivers.trigger.pedal import PedalOptions
from drivers.trigger.presence import PresenceOptions
from drivers.trigger.serial_scanner import ScannerOptions
from drivers.usb_printer import UsbPrinterOptions
from station.config.addresses import host_and_port
from station.config.panel import PanelConfig
from station.config.part import Choice, Name, Part
from station.config.references import ConfigPath, DatabaseUrl, SecretReference, surroundings_of
from station.config.signals import SignalsConfig
from station.errors import UnitError
from station.housekeeping import RetentionOptions
from station.model import IdSource
from station.production_api.options import (
    BASE_URL,
    ID_PATTERN,
    PRODUCTION_SCOPE,
    ApiOptions,
    Auth,
    ClientCredentialsAuth,
    CsidAuth,
    GivenToken,
    HttpOptions,
    RetryOptions,
)
from station.refill import RefillOptions
from station.secrets import Secret
from station.text import printable

T = TypeVar("T")

MAX_PARTS = 64
"""The most sockets, and the most printers, that one station has."""


class CsidConfig(Part):
    """Tokens by CSID. ``csid`` is a name, ``cs_sec_key`` a secret."""

    csid: str
    cs_sec_key: SecretReference


class ClientCredentialsConfig(Part):
    """Tokens by client credentials."""

    client_id: str
    client_secret: SecretReference


class GivenTokenConfig(Part):
    """A token obtained elsewhere."""

    token: SecretReference


class AuthConfig(Choice):
    """Where the API's token comes from."""

    csid: CsidConfig | None = None
    client_credentials: ClientCredentialsConfig | None = None
    given: GivenTokenConfig | None = None

    def options(self) -> Auth:
        """The client's options. Raises ValueError."""
        if self.csid is not None:
            return CsidAuth(self.csid.csid, self.csid.cs_sec_key)
        if self.client_credentials is not None:
            return ClientCredentialsAuth(self.client_credentials.client_id, self.client_credentials.client_secret)
        assert self.given is not None, "checked by Choice"
        return GivenToken(self.given.token)


class ApiConfig(Part):
    """The Device Production API; the fields are those of ``ApiOptions``."""

    auth: AuthConfig
    base_url: str = BASE_URL
    production_path: str = "/open/production/v2/api"
    csid_path: str = "/openApi"
    token_path: str = "/open/yolink/token"
    timeout_s: float = 10.0
    retry: RetryOptions = RetryOptions()
    http: HttpOptions = HttpOptions()
    required_scope: str | None = PRODUCTION_SCOPE
    token_margin_s: float = 60.0
    omit_sn_to_generate: bool = False
    device_id_pattern: str = ID_PATTERN
    sn_pattern: str = ID_PATTERN
    batch_limit: int = 1000

    @field_validator("http")
    @classmethod
    def _in_base(cls, value: HttpOptions, info: ValidationInfo) -> HttpOptions:
        return (
            value if value.ca_file is None else replace(value, ca_file=surroundings_of(info).anchor(str(value.ca_file)))
        )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        self.options()
        return self

    def options(self) -> ApiOptions:
        """The client's options. Raises ValueError."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "auth"}
        return ApiOptions(auth=self.auth.options(), **fields)


class IdsConfig(Part):
    """Who chooses DeviceIDs and SNs, and how the pool is kept."""

    source: IdSource = IdSource.POOL
    refill: RefillOptions = RefillOptions()
    repeat_unnamed: bool = False
    """With ``source: server``: repeat a call whose answer was lost. It can spend a second licence on one board."""


class BoardConfig(Choice):
    """What kind of board the jig takes."""

    stm32: Stm32Options | None = None
    text_line: TextLineOptions | None = None


class ConnectionConfig(Choice):
    """How a printer is connected."""

    tcp: TcpOptions | None = None
    serial: SerialOptions | None = None
    usb: UsbPrinterOptions | None = None
    file: FileSinkOptions | None = None
    cups: CupsOptions | None = None

    @field_validator("file")
    @classmethod
    def _in_base(cls, value: FileSinkOptions | None, info: ValidationInfo) -> FileSinkOptions | None:
        return None if value is None else replace(value, path=str(surroundings_of(info).anchor(str(value.path))))


class PrinterDriverConfig(Choice):
    """Which language a printer speaks."""

    zpl: ZplOptions | None = None
    escpos: EscposOptions | None = None
    png: ImageOptions | None = None


class PrinterConfig(Part):
    """One printer; several sockets may share it."""

    name: Name
    driver: PrinterDriverConfig
    connection: ConnectionConfig


class TriggerConfig(Choice):
    """What starts a cycle."""

    keyboard: KeyboardOptions | None = None
    serial_scanner: ScannerOptions | None = None
    presence: PresenceOptions | None = None
    hid_scanner: HidScannerOptions | None = None
    pedal: PedalOptions | None = None
    modem_line: ModemLineOptions | None = None
    gpio: GpioTriggerOptions | None = None
    button: ButtonOptions | None = None

    @property
    def brings_text(self) -> bool:
        """Whether a start can carry a scan."""
        return any((self.keyboard, self.serial_scanner, self.hid_scanner, self.button))


class SocketTriggerConfig(TriggerConfig):
    """What starts a socket's cycles: a trigger of its own, or by its name one that other sockets use too."""

    shared: Name | None = None


class SharedTriggerConfig(Part):
    """A trigger that starts every socket which names it."""

    name: Name
    trigger: TriggerConfig


class SocketConfig(Part):
    """One place in the jig. ``printer`` may be left out where there is only one."""

    name: Name
    serial: SerialOptions
    trigger: SocketTriggerConfig
    printer: Name | None = None


class ScanConfig(Part):
    """What a scan that starts a cycle means: nothing more, or the SN to bind to the unit."""

    means: Literal["start", "sn"] = "start"
    sn_case: Literal["keep", "upper", "lower"] = "keep"


class LabelConfig(Choice):
    """The label: a design in this file, a design in a file of its own, or a ZPL template with placeholders."""

    design: dict[str, JsonValue] | None = None
    file: ConfigPath | None = None
    zpl_template: ConfigPath | None = None


def _some(parts: tuple[T, ...]) -> tuple[T, ...]:
    """Checked after the parts themselves, so that a mistake in one of them is not followed by one about their number."""
    if not 1 <= len(parts) <= MAX_PARTS:
        raise ValueError(f"1 to {MAX_PARTS} must stand here, not {len(parts)}")
    return parts


class DatabaseConfig(Part):
    """The database that keeps the journal, where it is not a file in ``state_dir``: one that many stations share."""

    url: DatabaseUrl
    """``postgresql://user@host/database?options``, the options libpq's. A password is a reference in its place, or the whole is."""


class MetricsConfig(Part):
    """Where Prometheus reads the station's numbers: ``listen`` is an address of this computer and a port, ``127.0.0.1:9464``."""

    listen: str

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        host_and_port(value)
        return value

    @property
    def address(self) -> tuple[str, int]:
        return host_and_port(self.listen)


class StationConfig(Part):
    """A whole configuration file."""

    station: Name
    state_dir: ConfigPath
    api: ApiConfig
    board: BoardConfig
    label: LabelConfig
    printers: Annotated[tuple[PrinterConfig, ...], AfterValidator(_some)]
    sockets: Annotated[tuple[SocketConfig, ...], AfterValidator(_some)]
    shared_triggers: tuple[SharedTriggerConfig, ...] = ()
    ids: IdsConfig = IdsConfig()
    scan: ScanConfig = ScanConfig()
    database: DatabaseConfig | None = None
    metrics: MetricsConfig | None = None
    panel: PanelConfig | None = None
    """The page that operators and engineers look at; none is served without it."""
    signals: SignalsConfig = SignalsConfig()
    sessions: RetentionOptions = RetentionOptions()
    """How long session logs are kept."""
    label_extra: dict[str, str] = Field(default_factory=dict)
    """Constant texts that the label may show, such as a model name."""
    label_pictures: bool = False
    """Whether a PNG of each label is kept in ``labels_dir``: for a trial. Drawing costs more than the rest of a cycle's work, and
    nothing deletes them; what was sent to the printer is in the session log in any case."""
    require_ports: bool = True
    """Whether a device that is not there when the station starts is a mistake, or is waited for (``station.config.devices``)."""

    @property
    def sessions_dir(self) -> Path:
        return self.state_dir / "sessions"

    @property
    def journal_path(self) -> Path:
        return self.state_dir / "journal.sqlite"

    @property
    def journal_place(self) -> Path | Secret:
        """Where the journal is: the file, or the database's address."""
        return self.journal_path if self.database is None else self.database.url

    @property
    def labels_dir(self) -> Path:
        return self.state_dir / "labels"

    def printer_named(self, name: str | None) -> PrinterConfig:
        """The printer of this name, or the first. Raises UnitError("usage.invalid") for one that there is not."""
        for printer in self.printers:
            if name in (None, printer.name):
                return printer
        names = ", ".join(printer.name for printer in self.printers)
        raise UnitError("usage.invalid", f"no printer is named {printable(name or '')}; there are {names}")

    def printer_of(self, socket: SocketConfig) -> PrinterConfig:
        """The printer that a socket's labels go to."""
        if socket.printer is None:
            return self.printers[0]
        return next(printer for printer in self.printers if printer.name == socket.printer)

    def trigger_of(self, socket: SocketConfig) -> TriggerConfig:
        """What starts a socket's cycles, be it shared."""
        if socket.trigger.shared is None:
            return socket.trigger
        return next(shared.trigger for shared in self.shared_triggers if shared.name == socket.trigger.shared)

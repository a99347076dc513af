"""From a configuration to the drivers it names: the one place that knows every kind of device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from drivers.bootloader import BootloaderDriver
from drivers.clock import Clock
from drivers.errors import DriverError
from drivers.printer import LabelPrinter
from drivers.serial_local import LocalSerialPort
from drivers.serial_port import open_serial
from drivers.signal import SignalOutput
from drivers.transport import Framing, SerialTransport, Transport
from drivers.trigger import Trigger
from station.bench import Policy
from station.config.models import (
    BoardConfig,
    ConnectionConfig,
    PrinterConfig,
    SocketConfig,
    TriggerConfig,
)
from station.config.signals import SignalDeviceConfig
from station.config.validate import Configuration


class HeldPort:
    """A port that stays open between cycles, since opening one can reset a board, and is opened anew after a fault."""

    def __init__(self, opener: Callable[[], SerialTransport]) -> None:
        self._opener = opener
        self._link: SerialTransport | None = None

    def get(self) -> SerialTransport:
        """The open port. Raises TransportError where it cannot be opened."""
        if self._link is None:
            self._link = self._opener()
        return self._link

    def drop_if_gone(self) -> None:
        """Close the port where its device was unplugged in the meantime: the next cycle opens it anew."""
        if isinstance(self._link, LocalSerialPort) and self._link.is_gone():
            self.drop()

    def drop(self) -> None:
        """Close the port: a device that was unplugged comes back under its name only when nobody holds the old one."""
        if self._link is not None:
            self._link.close()
            self._link = None


def bootloader_driver(board: BoardConfig, framing: Framing) -> BootloaderDriver:
    """The driver for the configured kind of board, on a port that is framed so."""
    if board.stm32 is not None:
        from drivers.bootloader.stm32.rom import Stm32Driver

        timing = replace(board.stm32.timing, baud=framing.baud)
        return Stm32Driver(replace(board.stm32, timing=timing))
    from drivers.bootloader.text_line import TextLineDriver

    assert board.text_line is not None, "checked by Choice"
    return TextLineDriver(board.text_line)


def label_printer(printer: PrinterConfig) -> LabelPrinter:
    """The driver for a printer's language; behind a CUPS queue, which passes no answers, the queue is what is asked."""
    direct = _direct_printer(printer)
    if printer.connection.cups is None:
        return direct
    from drivers.printer.cups import CupsPrinter

    return CupsPrinter(printer.connection.cups, direct.language, direct.dots_per_mm)


def _direct_printer(printer: PrinterConfig) -> LabelPrinter:
    if printer.driver.zpl is not None:
        from drivers.printer.zpl import ZplPrinter

        return ZplPrinter(printer.driver.zpl)
    if printer.driver.escpos is not None:
        from drivers.printer.escpos import EscposPrinter

        return EscposPrinter(printer.driver.escpos)
    from drivers.printer.image import ImagePrinter

    assert printer.driver.png is not None, "checked by Choice"
    return ImagePrinter(printer.driver.png)


def open_connection(connection: ConnectionConfig, clock: Clock) -> Transport:
    """Open the transport that leads to a printer. Raises TransportError."""
    if connection.tcp is not None:
        from drivers.tcp_port import open_tcp

        return open_tcp(connection.tcp, clock)
    if connection.serial is not None:
        return open_serial(connection.serial, clock)
    if connection.usb is not None:
        from drivers.usb_printer import open_usb_printer

        return open_usb_printer(connection.usb, clock)
    if connection.cups is not None:
        from drivers.printer.cups import open_cups

        return open_cups(connection.cups, clock)
    from drivers.file_sink import open_file_sink

    assert connection.file is not None, "checked by Choice"
    return open_file_sink(connection.file, clock)


def build_trigger(
    trigger: TriggerConfig,
    clock: Clock,
    rejected: Callable[[str], None],
    port: HeldPort | None = None,
    driver: BootloaderDriver | None = None,
) -> Trigger:
    """The configured trigger; ``rejected`` is told of scans that start nothing. ``port`` and ``driver`` are the socket's,
    where it is one socket's own: board presence is seen through them."""
    if trigger.serial_scanner is not None:
        from drivers.trigger.serial_scanner import SerialScannerTrigger

        return SerialScannerTrigger(trigger.serial_scanner, clock, open_serial, rejected)
    if trigger.hid_scanner is not None:
        from drivers.trigger.hid_scanner import HidScannerTrigger

        return HidScannerTrigger(trigger.hid_scanner, clock, rejected)
    if trigger.pedal is not None:
        from drivers.trigger.pedal import PedalTrigger

        return PedalTrigger(trigger.pedal, clock, rejected)
    if trigger.modem_line is not None:
        from drivers.trigger.modem_line import ModemLineTrigger

        return ModemLineTrigger(trigger.modem_line, clock, open_serial)
    if trigger.gpio is not None:
        from drivers.trigger.gpio import GpioTrigger

        return GpioTrigger(trigger.gpio, clock)
    if trigger.presence is not None:
        from drivers.trigger.presence import PresenceTrigger

        assert port is not None, "checked by the configuration"
        assert driver is not None, "goes with the port"
        held, board = port, driver
        return PresenceTrigger(trigger.presence, lambda: _is_present(held, board, clock), clock)
    if trigger.button is not None:
        from drivers.trigger.button import NoTrigger

        return NoTrigger(clock)
    from drivers.trigger.keyboard import KeyboardTrigger

    assert trigger.keyboard is not None, "checked by Choice"
    return KeyboardTrigger(trigger.keyboard, rejected)


def _is_present(port: HeldPort, driver: BootloaderDriver, clock: Clock) -> bool:
    try:
        return driver.is_present(port.get(), clock)
    except DriverError:
        port.drop()
        raise


def open_signal_device(device: SignalDeviceConfig, clock: Clock) -> SignalOutput:
    """Open a device with lamps, buzzers or sounds. Raises TransportError."""
    if device.relay is not None:
        from drivers.signal.relay import open_relay

        return open_relay(device.relay, clock)
    if device.serial_line is not None:
        from drivers.signal.serial_line import open_serial_lines

        return open_serial_lines(device.serial_line, clock)
    if device.gpio is not None:
        from drivers.signal.gpio import open_gpio_signals

        return open_gpio_signals(device.gpio)
    from drivers.signal.sound import SoundPlayer

    assert device.sound is not None, "checked by Choice"
    return SoundPlayer(device.sound)


def policy_for(configuration: Configuration, socket: SocketConfig, driver: BootloaderDriver) -> Policy:
    """What the configuration decides about one socket's cycles."""
    station = configuration.station
    return Policy(
        station=station.station,
        socket=socket.name,
        driver=driver,
        printer=label_printer(station.printer_of(socket)),
        label=configuration.label,
        sn_pattern=station.api.sn_pattern,
        sn_case=station.scan.sn_case,
        scan_is_sn=station.scan.means == "sn",
        repeat_unnamed=station.ids.repeat_unnamed,
        label_extra=dict(station.label_extra),
    )

"""A simulator of the Device Production API: the same wire as the real one, with books that judge and faults that hurt."""

from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.server import ApiSimulator, Exchanged
from station.production_api.simulator.settings import SimulatorSettings, Temper

__all__ = ["ApiSimulator", "Exchanged", "Fault", "FaultKind", "SimulatorSettings", "Temper"]

"""Kind `echo_state`: one model per ticker, which forecasts one price; only the readout of a reservoir is learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from stockrnn.models.forecaster import Forecaster
from stockrnn.models.readout import Readout
from stockrnn.models.reservoir import Reservoir, draw_reservoir
from stockrnn.models.scaled_prices import ScaledPriceModel, ScaledPriceSpec, make_scaled_windows, read_scaling
from stockrnn.progress import OnEpoch
from stockrnn.types import Target, Weights
from stockrnn.types.networks import Lookback

_Units = Annotated[int, Field(ge=1, le=2000)]
_Leak = Annotated[float, Field(gt=0, le=1)]


class Shape(BaseModel):
    """What of an echo state network is no array: sessions per window, units of the reservoir, and their leak."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lookback: Lookback
    units: _Units
    leak: _Leak


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoStateModel(ScaledPriceModel):
    """A reservoir with its readout, and the scaler that its training prices gave."""

    shape: Shape
    reservoir: Reservoir
    readout: Readout

    @property
    def lookback(self) -> int:
        """How many values a forecast is made from."""
        return self.shape.lookback

    @property
    def parameters(self) -> int:
        """How many numbers were learned: those of the readout."""
        return self.readout.parameters

    def to_weights(self) -> Weights:
        """Return the arrays of the reservoir and of the readout."""
        return [*self.reservoir.to_arrays(), self.readout.to_array()]

    def to_config(self) -> dict[str, Any]:
        """Return the network's shape, the scaler and the sessions that it was fitted on."""
        return {"network": self.shape.model_dump(), **self.scaling_config()}

    def predict_scaled(self, scaled: np.ndarray) -> np.ndarray:
        """Forecast from scaled windows (N, lookback, 1) the scaled value after each, (N,)."""
        windows = scaled[:, :, 0]  # (N, lookback)
        with np.errstate(over="ignore", invalid="ignore"):  # damaged weights give any number
            said = self.readout.predict(windows[:, -1], self.reservoir.last_states(windows))
        return np.where(np.isfinite(said), said, np.nan)  # the scaler refuses infinity


class EchoStateSpec(ScaledPriceSpec):
    """One model per ticker, which forecasts one price; only the readout of a random reservoir is learned.

    The reservoir has so many leaky `units`; `sparsity` is the share of its recurrent weights that are zero, and the
    others are scaled to `spectral_radius`: the nearer to 1, the longer the past is heard. `leak` is the share of
    its new state that a unit takes over per session, `input_scale` the largest input weight, `ridge` the penalty on
    the readout's squared weights. Nothing is trained in epochs. A warm training keeps the scaler and the reservoir of
    its parent and fits the readout anew.
    """

    defaults: ClassVar[Mapping[str, object]] = {"mode": "full"}

    kind: Literal["echo_state"] = "echo_state"
    units: _Units = 200
    spectral_radius: float = Field(default=0.5, ge=0, le=10)
    leak: _Leak = 0.5
    input_scale: float = Field(default=0.5, gt=0, le=100)
    sparsity: float = Field(default=0.9, ge=0, lt=1)
    ridge: float = Field(default=0.01, gt=0, le=1e6)

    def fit(
        self,
        bars: Mapping[str, pd.DataFrame],
        *,
        target: Target,
        seed: int,
        parent: Forecaster | None = None,
        member: int | None = None,  # noqa: ARG002  # there is one network
        on_epoch: OnEpoch | None = None,
    ) -> EchoStateModel:
        """Draw the reservoir, fit the scaler and the readout on the values of the only ticker; see `Spec.fit`."""
        start = cast("EchoStateModel | None", parent)
        scaled = make_scaled_windows(bars, target=target, lookback=self.lookback, parent=start)
        if on_epoch:
            on_epoch(0, float("nan"))
        reservoir = self.draw_reservoir(seed=seed) if start is None else start.reservoir
        x, y = scaled.windows.x[:, :, 0], scaled.windows.y  # (N, lookback), (N,)
        states = reservoir.last_states(x)
        readout = Readout.fit(x[:, -1], states, y, ridge=self.ridge)
        loss = float(np.mean((readout.predict(x[:, -1], states) - y) ** 2))
        if on_epoch:
            on_epoch(1, loss)
        return EchoStateModel(
            shape=Shape(lookback=self.lookback, units=reservoir.units, leak=reservoir.leak),
            reservoir=reservoir,
            readout=readout,
            scaler=scaled.scaler,
            scaled_on=scaled.scaled_on,
            windows=len(y),
            losses=(loss,),
        )

    def draw_reservoir(self, *, seed: int) -> Reservoir:
        """Draw the reservoir that the spec describes."""
        return draw_reservoir(
            units=self.units,
            spectral_radius=self.spectral_radius,
            leak=self.leak,
            input_scale=self.input_scale,
            sparsity=self.sparsity,
            seed=seed,
        )

    @classmethod
    def restore(cls, config: Mapping[str, Any], weights: Weights, *, windows: int, loss: float) -> EchoStateModel:
        """Rebuild a fitted model; its loss is known."""
        shape = Shape.model_validate(config["network"])
        *arrays, readout = weights
        reservoir = Reservoir.from_arrays(arrays, leak=shape.leak)
        if reservoir.units != shape.units:
            raise ValueError(f"its reservoir has {reservoir.units} units, not {shape.units}")
        scaler, scaled_on = read_scaling(config)
        return EchoStateModel(
            shape=shape,
            reservoir=reservoir,
            readout=Readout.from_array(readout, units=shape.units),
            scaler=scaler,
            scaled_on=scaled_on,
            windows=windows,
            losses=(loss,),
        )

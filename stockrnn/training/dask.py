"""Train on the workers of a Dask cluster: one of this machine, or any whose scheduler is named."""

import logging
import uuid
from collections.abc import Callable

from distributed import Client, LocalCluster
from distributed import Future as DaskFuture

from stockrnn.errors import HoldoutError, SettingsError, TrainingError
from stockrnn.progress import OnEpoch
from stockrnn.training.processes import ProcessExecutor
from stockrnn.training.requests import Fitted, TrainingRequest, fit_request
from stockrnn.types.addresses import describe_address

LOG = logging.getLogger("stockrnn")

_CONNECT_SECONDS = 10


class DaskExecutor:
    """A Dask cluster, connected to at the first training.

    Workers need the package and nothing else: bars go with a request, weights come back.

    Parameters
    ----------
    processes
        How many workers a cluster of this machine has.
    scheduler
        The address of a cluster; None: one is started here, and ends with the run.
    """

    def __init__(self, *, processes: int, scheduler: str | None) -> None:
        self.processes = max(processes, 2)  # a cluster of one tells no epochs, either
        self._workers, self._scheduler = processes, scheduler
        self._cluster: LocalCluster | None = None
        self._client: Client | None = None
        self._here = ProcessExecutor(processes=1)

    def submit(self, request: TrainingRequest, *, on_epoch: OnEpoch | None = None) -> "_PatientFuture":  # noqa: ARG002  # an executor's
        """Begin a training as soon as a worker is free.

        Raises
        ------
        SettingsError
            No scheduler answers.
        """
        key = f"{request.model_id}-{request.member}-{uuid.uuid4().hex}"
        # as a function without arguments: Dask looks into arguments for futures
        future = self._connect().submit(_Training(request), key=key)
        return _PatientFuture(future, request, self._here)

    def close(self) -> None:
        """End the trainings, and the cluster that was started here."""
        self._here.close()
        if self._client is not None:
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _connect(self) -> Client:
        if self._client is None:
            if self._scheduler is None:
                self._cluster = LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",  # a port of its own: another night here may have one, too
                    security=True,  # certificates for this run: who reaches a scheduler makes its workers run code
                )
            try:
                self._client = Client(self._cluster or self._scheduler, timeout=_CONNECT_SECONDS)
            except (OSError, ValueError, TypeError) as error:
                where = describe_address(self._scheduler or "")
                raise SettingsError(
                    f"no Dask scheduler answers at {where} ({type(error).__name__}){_hint(self._scheduler)}"
                ) from None
        return self._client


def _hint(scheduler: str | None) -> str:
    """Say what a scheduler behind TLS needs; without it Dask only says that something is missing."""
    if not (scheduler or "").startswith("tls:"):
        return ""
    return (
        "; with tls:// it also takes the certificates of DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"
    )


class _Training:
    """A request as a function."""

    def __init__(self, request: TrainingRequest) -> None:
        self._request = request

    def __call__(self) -> Fitted:
        return fit_request(self._request)


class _PatientFuture:
    """A training on a worker that is done here where the worker is lost."""

    def __init__(self, future: DaskFuture, request: TrainingRequest, here: ProcessExecutor) -> None:
        self._future, self._request, self._here = future, request, here

    def result(self) -> Fitted:
        """Wait for it."""
        try:
            fitted: Fitted = self._future.result()
        except (HoldoutError, TrainingError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever Dask raises where a worker or the scheduler is gone
            LOG.warning("a training was lost with its worker (%s); it is done here instead", type(error).__name__)
            return self._here.submit(self._request).result()
        return fitted

    def add_done_callback(self, callback: Callable[[object], object], /) -> None:
        """Call back when it has ended on its worker."""
        self._future.add_done_callback(callback)

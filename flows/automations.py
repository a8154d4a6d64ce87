"""Make the automations of `deployments/automations.yaml` on a Prefect server; again and again changes nothing.

python -m flows.automations
"""

from importlib.resources import files
from pathlib import Path

import yaml
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore


def deployments_folder() -> Path:
    """Return the folder of deployments and automations: inside an installed package, beside a source tree's."""
    packaged = Path(str(files("stockrnn"))) / "deployments"
    return packaged if packaged.is_dir() else packaged.parents[1] / "deployments"


async def create_missing() -> list[str]:
    """Create the automations that the server has none of the same name of; returns their names.

    One that was changed or switched off in the UI stays as it is.
    """
    document = yaml.safe_load((deployments_folder() / "automations.yaml").read_text(encoding="utf-8"))
    made = []
    async with get_client() as client:
        there = {automation.name for automation in await client.read_automations()}
        for described in document["automations"]:
            if described["name"] not in there:
                await client.create_automation(AutomationCore.model_validate(described))
                made.append(described["name"])
    return made


def main() -> None:
    """Create them and say so."""
    import asyncio

    made = asyncio.run(create_missing())
    print("\n".join(f"made: {name}" for name in made) or "nothing to do: all automations are there")  # noqa: T201


if __name__ == "__main__":
    main()

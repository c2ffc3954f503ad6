"""Airbyte's standard tests for sources: once with the right token, once with a wrong one."""

from pathlib import Path

from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from account import CONFIG
from source_logentic import SourceLogentic


class TestSourceLogentic(SourceTestSuiteBase):
    connector = SourceLogentic

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return Path(__file__).parents[1]

    @classmethod
    def get_scenarios(cls) -> list[ConnectorTestScenario]:
        return [
            _scenario("the right token", CONFIG, "succeed"),
            _scenario("a wrong token", {**CONFIG, "api_token": "a-token-of-someone-else"}, "failed"),
            _scenario("no token that a header can hold", {**CONFIG, "api_token": "two words"}, "failed"),
        ]


def _scenario(name: str, config: dict[str, str], status: str) -> ConnectorTestScenario:
    scenario = ConnectorTestScenario(config_dict=config, status=status)
    scenario._id = name
    return scenario

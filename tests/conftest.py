"""Fixtures that every test may ask for; what nobody asks for is not started."""

pytest_plugins = ["lab_fixtures", "schema_world"]

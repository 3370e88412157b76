# Loads the plugin in the source tree, where it is not installed; pyproject.toml says where the build put it.
pytest_plugins = ["landfall.plugin"]

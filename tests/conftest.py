"""Settings that every test shares."""

from hypothesis import settings

# Time limits are tested where they are promised; a busy machine must not fail a property.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

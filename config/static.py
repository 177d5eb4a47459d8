"""Static files for production: compressed, and with a hash of the content in their names."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise is untyped
    """WhiteNoise's storage that also rewrites the imports of JavaScript modules.

    Without that, a module that another one imports would be loaded twice: by its hashed name from the page, and by its
    plain name from the import, and would add its event listeners twice.
    """

    support_js_module_import_aggregation = True

"""Static files for production: compressed, and with a hash of the content in their names."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

# An import of one of the product's JavaScript modules: `import { announce } from "./app.js"`.
_IMPORT = r"""(?P<matched>from\s+["'](?P<url>\./[^"']+)["'])"""


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise's storage that also rewrites the imports of the product's own JavaScript modules.

    Without that, a module that another one imports would be loaded twice: by its hashed name from the page, and by its
    plain name from the import, and would add its event listeners twice. Django's own option for this reads all scripts,
    also those of packages, some of which name files in comments.
    """

    patterns = (*CompressedManifestStaticFilesStorage.patterns, ("js/*.js", ((_IMPORT, 'from "%(url)s"'),)))

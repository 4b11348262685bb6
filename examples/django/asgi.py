"""The same receiver under an ASGI server.

HOOKSEAL_SECRET=whsec_demo uvicorn asgi:application
"""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
application = get_asgi_application()

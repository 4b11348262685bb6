"""As little as the receiver needs; the CSRF protection is on, as everywhere."""

import os

ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None}
ROOT_URLCONF = "hooks"
SECRET_KEY = os.urandom(32).hex()

"""What Django and DRF ask for when they are imported."""

ALLOWED_HOSTS = ["testserver"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None}
ROOT_URLCONF = "test_django"
SECRET_KEY = "tests"

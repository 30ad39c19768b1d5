"""The journey of `trivium load` for Locust: sign up, log in, look at the own profile again and again.

    pip install locust
    locust -f docs/load/locustfile.py --host http://127.0.0.1:8000 --users 5 --spawn-rate 1 -t 5m     # normal
    locust -f docs/load/locustfile.py --host http://127.0.0.1:8000 --users 50 --spawn-rate 10 -t 2m   # spike
    locust -f docs/load/locustfile.py --host http://127.0.0.1:8000 --users 20 --spawn-rate 2 -t 30m   # sustained

Each request carries a traceparent, so its trace is found by the id that Locust prints for a slow one. Unlike `trivium load`,
Locust sends no spans of its own, and its latencies are not corrected for coordinated omission.
"""

import logging
import random
import time

from locust import HttpUser, between, events, task

SLOW_SECONDS = 1.0
# A token is renewed when this share of its life is over.
RENEW_AT = 0.8


def traceparent():
    """A new sampled trace."""
    return "00-%032x-%016x-01" % (random.getrandbits(128) or 1, random.getrandbits(64) or 1)


@events.request.add_listener
def say_slow_requests(request_type, name, response_time, context, **_):
    if response_time > SLOW_SECONDS * 1000 and context:
        logging.info("%s %s took %.0f ms, trace %s", request_type, name, response_time, context["trace_id"])


class AccountUser(HttpUser):
    wait_time = between(1, 3)

    def on_start(self):
        self.credentials = {
            "email": "load-%016x@example.com" % random.getrandbits(64),
            "password": "%032x" % random.getrandbits(128),
        }
        self.signed_up = False
        self.renew_at = 0.0
        self.prepare()

    def send(self, method, path, **more):
        header = traceparent()
        headers = {"traceparent": header, **more.pop("headers", {})}
        context = {"trace_id": header.split("-")[1]}
        return self.client.request(method, path, headers=headers, context=context, **more)

    def prepare(self):
        """Signs up and logs in, as far as that is not done; whether it is now."""
        if not self.signed_up:
            # 409 says that an earlier attempt without an answer did create the account.
            self.signed_up = self.send("POST", "/signup/", json=self.credentials).status_code in (201, 409)
        if self.signed_up and time.monotonic() >= self.renew_at:
            answer = self.send("POST", "/login/", json=self.credentials)
            if answer.status_code == 200:
                body = answer.json()
                self.token = body["access_token"]
                self.renew_at = time.monotonic() + RENEW_AT * body["expires_in"]
        return time.monotonic() < self.renew_at

    @task
    def profile(self):
        if self.prepare():
            headers = {"authorization": "Bearer " + self.token}
            if self.send("GET", "/users/me/", headers=headers).status_code == 401:
                self.renew_at = 0.0

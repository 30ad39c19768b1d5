"""The seed's FastAPI service with its own instrumentation: the peer that `app` is measured against.

Spans by OTLP/gRPC through the SDK's batch processor, metrics by prometheus-fastapi-instrumentator, logs on standard output
with the trace id, as the document the product started from has them. `TELEMETRY=off` leaves all three out.
"""

import logging
import os
import uuid
from datetime import datetime, timedelta, timezone

import bcrypt
import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, EmailStr
from sqlalchemy import String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

SECRET = os.environ.get("JWT_SECRET", "a-secret-for-measurements-only-32-bytes")
COST = int(os.environ.get("BCRYPT_COST", "12"))
TELEMETRY = os.environ.get("TELEMETRY", "on") == "on"

engine = create_engine(
    f"sqlite:///{os.environ.get('DATABASE', 'fastapi.db')}", connect_args={"check_same_thread": False}
)
SessionLocal = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String, primary_key=True)
    email: Mapped[str] = mapped_column(String, unique=True, index=True)
    password_hash: Mapped[str] = mapped_column(String)


class Credentials(BaseModel):
    email: EmailStr
    password: str


Base.metadata.create_all(engine)
app = FastAPI()
bearer = HTTPBearer()
log = logging.getLogger("app")


def instrument() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.logging import LoggingInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from prometheus_fastapi_instrumentator import Instrumentator

    provider = TracerProvider(resource=Resource.create({"service.name": "fastapi-app"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(insecure=True)))
    trace.set_tracer_provider(provider)
    LoggingInstrumentor().instrument()
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s - %(name)s - %(levelname)s - %(message)s - trace_id=%(otelTraceID)s",
        force=True,
    )
    SQLAlchemyInstrumentor().instrument(engine=engine)
    FastAPIInstrumentor.instrument_app(app)
    Instrumentator().instrument(app).expose(app)


if TELEMETRY:
    instrument()


def database():
    with SessionLocal() as session:
        yield session


@app.get("/")
def index():
    return {"status": "healthy"}


@app.post("/signup/", status_code=201)
def signup(credentials: Credentials, session: Session = Depends(database)):
    if session.scalar(select(User).where(User.email == credentials.email)):
        raise HTTPException(409, "email taken")
    password_hash = bcrypt.hashpw(credentials.password.encode(), bcrypt.gensalt(COST)).decode()
    user = User(id=str(uuid.uuid4()), email=credentials.email, password_hash=password_hash)
    session.add(user)
    session.commit()
    log.info("signed up")
    return {"id": user.id, "email": user.email}


@app.post("/login/")
def login(credentials: Credentials, session: Session = Depends(database)):
    user = session.scalar(select(User).where(User.email == credentials.email))
    if user is None or not bcrypt.checkpw(credentials.password.encode(), user.password_hash.encode()):
        raise HTTPException(401, "invalid credentials")
    expires = datetime.now(timezone.utc) + timedelta(minutes=15)
    token = jwt.encode({"sub": user.id, "exp": expires}, SECRET, algorithm="HS256")
    log.info("logged in")
    return {"access_token": token, "token_type": "bearer"}


@app.get("/users/me/")
def me(
    authorization: HTTPAuthorizationCredentials = Depends(bearer), session: Session = Depends(database)
):
    try:
        claims = jwt.decode(authorization.credentials, SECRET, algorithms=["HS256"])
    except jwt.PyJWTError as error:
        raise HTTPException(401, "invalid token") from error
    user = session.get(User, claims["sub"])
    if user is None:
        raise HTTPException(401, "invalid token")
    log.info("looked at itself")
    return {"id": user.id, "email": user.email}

# syntax=docker/dockerfile:1
# The operator's image:  docker build -t localhost/entrafed:0.1.0 .
# For a build that can be repeated, name the base by digest:  --build-arg PYTHON=python:3.11-slim-bookworm@sha256:...
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/entrafed \
    UV_PYTHON_DOWNLOADS=never
RUN ["python", "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "uv==0.13.9"]
WORKDIR /src
# The locked dependencies are a layer of their own: a change of the source does not fetch them again.
COPY pyproject.toml uv.lock ./
RUN ["uv", "sync", "--frozen", "--no-dev", "--no-editable", "--no-install-workspace"]
COPY README.md LICENSE ./
COPY operator operator
RUN ["uv", "sync", "--frozen", "--no-dev", "--no-editable"]

FROM ${PYTHON}
LABEL org.opencontainers.image.title="entrafed" \
      org.opencontainers.image.description="Keeps Microsoft Entra federated identity credentials true to Kubernetes objects" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing is written at run time: the bytecode is there, and the root file system may be read-only.
ENV PATH=/opt/entrafed/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/entrafed /opt/entrafed
# A number, so that the kubelet can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["entrafed"]
CMD ["run"]

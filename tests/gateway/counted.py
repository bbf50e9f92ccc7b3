"""What a gateway's /metrics say, as numbers."""

from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.running import RunningGateway

Sample = tuple[str, frozenset[tuple[str, str]]]


def counted(gateway: RunningGateway, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels: `counted(gateway, "easel_images_total", provider="fal")`."""
    wanted = frozenset(labels.items())
    return sum(value for (sample, given), value in samples(gateway).items() if sample == name and wanted <= given)


def samples(gateway: RunningGateway) -> dict[Sample, float]:
    exposition = gateway.http.get("/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): float(sample.value)
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }

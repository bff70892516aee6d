"""All that speaks to the API server, except Kopf: access, writes, events, what the cluster says about itself."""

// Everything that would leave this host is off: fonts, telemetry, proxies, agents.
Scalar.createApiReference("#reference", {
  url: new URL("openapi.yaml", document.baseURI).href,
  agent: { disabled: true },
  mcp: { disabled: true },
  telemetry: false,
  withDefaultFonts: false,
  showDeveloperTools: "never",
  hideClientButton: true,
  hideModels: true,
  documentDownloadType: "direct",
  persistAuth: false,
  defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
});

// The tests must not depend on the developer's settings. Import this file before anything opens a connection.
for (const name of Object.keys(process.env)) {
  if (/^(AUTHENTIK_.*|(HTTPS?|ALL|NO)_PROXY)$/i.test(name)) delete process.env[name];
}

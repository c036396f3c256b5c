/** The settings of whoever runs the tests must not reach them. To be imported before anything is connected. */
for (const name of Object.keys(process.env)) {
  if (/^(AUTHENTIK_.*|(HTTPS?|ALL|NO)_PROXY)$/i.test(name)) delete process.env[name];
}

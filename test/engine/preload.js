/** Preloaded into the Node.js processes of `pulumi` that run a program in JavaScript. */
require("./lazy-modules.js");

// The language host that Go builds ignores `typescript: false` in Pulumi.yaml.
delete process.env.PULUMI_NODEJS_TYPESCRIPT;

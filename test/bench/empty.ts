/** As many resources of a provider that does nothing: what Pulumi itself costs. */
import * as pulumi from "@pulumi/pulumi";
import { inputsOf } from "./inputs";

/** Each costs the program some of Pulumi's own time, so that they are as many as an invitation has. */
const outputs = {
  validFor: undefined,
  onRetired: undefined,
  keepers: undefined,
  connection: undefined,
  pk: undefined,
  status: undefined,
  retiredAt: undefined,
  gone: undefined,
  issuedAt: undefined,
  flowPk: undefined,
  flowSlug: undefined,
  createdBy: undefined,
  import: undefined,
};

const config = new pulumi.Config();
const team = config.require("team");
// As long as ours, for the state has it twice a resource.
const providerText = "exports.handler=()=>require(process.cwd()+'/empty-provider')".padEnd(
  config.requireNumber("providerTextLength"),
);

class Empty extends pulumi.CustomResource {
  constructor(name: string, inputs: object) {
    const options = { additionalSecretOutputs: ["pk"] };
    super("pulumi-nodejs:dynamic/bench:Empty", name, { ...outputs, ...inputs, __provider: providerText }, options);
  }
}

for (let number = 0; number < config.requireNumber("resources"); number++) {
  new Empty(`bench-${number}`, inputsOf(number, team));
}

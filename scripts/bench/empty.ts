/** Declares the same number of resources with a provider that does nothing, to measure what Pulumi itself costs. */
import * as pulumi from "@pulumi/pulumi";
import { buildInputs } from "./inputs";

/** The outputs of an invitation. Pulumi spends time on each of them. */
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
// Padded to the length of ours, because the state contains it twice per resource.
const providerSource = "exports.handler=()=>require(process.cwd()+'/empty-provider')".padEnd(
  config.requireNumber("providerSourceBytes"),
);

class Empty extends pulumi.CustomResource {
  constructor(name: string, inputs: object) {
    const options = { additionalSecretOutputs: ["pk"] };
    super("pulumi-nodejs:dynamic/bench:Empty", name, { ...outputs, ...inputs, __provider: providerSource }, options);
  }
}

for (let index = 0; index < config.requireNumber("resources"); index++) {
  new Empty(`bench-${index}`, buildInputs(index, team, config.get("firstRole")));
}

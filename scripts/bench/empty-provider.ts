/** A provider that does nothing. Its outputs are as large as those of an invitation. */
import { createHash, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

type Properties = Record<string, unknown>;

const flowPk = randomUUID();

function buildState(inputs: Properties, pk: unknown, issuedAt: unknown): Properties {
  const { __provider, ...declared } = inputs;
  const computed = { status: "pending", flowPk, flowSlug: inputs["flow"], createdBy: "akadmin" };
  return { ...declared, pk, issuedAt, ...computed };
}

export async function check(_olds: Properties, news: Properties): Promise<object> {
  return { inputs: news };
}

export async function diff(_id: string, olds: Properties, news: Properties): Promise<object> {
  return { changes: !isDeepStrictEqual(olds["fixedData"], news["fixedData"]) };
}

export async function create(inputs: Properties): Promise<object> {
  const pk = randomUUID();
  const id = createHash("sha256").update(pk).digest("hex").slice(0, 16);
  return { id, outs: buildState(inputs, pk, `${new Date().toISOString().slice(0, 19)}Z`) };
}

export async function read(id: string, props: Properties): Promise<object> {
  const { name, expires, fixedData, singleUse, flow } = props;
  return { id, props, inputs: { name, expires, fixedData, singleUse, flow } };
}

export async function update(_id: string, olds: Properties, news: Properties): Promise<object> {
  return { outs: buildState(news, olds["pk"], olds["issuedAt"]) };
}

async function noop(): Promise<void> {}

export { noop as delete };

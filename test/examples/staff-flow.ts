import type { Authentik } from "../../sandbox";

/** Creates the flow that `examples/import` imports: what an admin has configured in authentik before Pulumi manages it. */
export async function createStaffFlow(server: Authentik): Promise<void> {
  const post = async (path: string, fields: Record<string, unknown>): Promise<string> => {
    const { status, body } = await server.request("POST", `/api/v3/${path}`, fields);
    if (status !== 201) throw new Error(`POST ${path} returned ${status}: ${JSON.stringify(body)}`);
    return (body as { pk: string }).pk;
  };
  const flow = await post("flows/instances/", {
    name: "Staff enrollment",
    slug: "staff-enrollment",
    title: "Welcome to the staff",
    designation: "enrollment",
    authentication: "require_unauthenticated",
  });
  const stages = [await post("stages/invitation/stages/", { name: "Staff invitation" })];
  for (const name of [
    "default-source-enrollment-prompt",
    "default-password-change-prompt",
    "default-source-enrollment-write",
    "default-source-enrollment-login",
  ]) {
    const { body } = await server.request("GET", `/api/v3/stages/all/?name=${name}`);
    stages.push(...(body as { results: { pk: string }[] }).results.map(({ pk }) => pk));
  }
  for (const [index, stage] of stages.entries()) {
    const evaluation = index === 0 ? {} : { evaluate_on_plan: true, re_evaluate_policies: false };
    await post("flows/bindings/", { target: flow, stage, order: index * 10, ...evaluation });
  }
  const postInvitation = async (fields: Record<string, unknown>): Promise<string> =>
    await post("stages/invitation/invitations/", { flow, expires: "2030-12-31T23:59:59Z", ...fields });
  await postInvitation({ name: "jane", single_use: true, fixed_data: { email: "jane@example.com", name: "Jane" } });
  await postInvitation({
    name: "contractors",
    fixed_data: { attributes: { kind: "contractor", sites: ["Bern", "Wien"] } },
  });
  // Invitation names are not unique.
  await postInvitation({ name: "contractors", expires: "2031-12-31T23:59:59Z" });
  await postInvitation({ name: "summer-2020", expires: "2020-08-31T23:59:59Z" });
}

/** What all programs declare. `team` is in the data of all invitations, `role` only in that of the first, so that one can be changed. */
export interface Values {
  readonly count: number;
  readonly team: string;
  readonly role: string;
}

export function buildSingle(index: number, values: Values) {
  const { fixedData, ...shared } = buildShared(values);
  return { ...shared, name: `bench-${index}`, fixedData: { ...fixedData, ...buildData(index, values) } };
}

export function buildBatch(values: Values) {
  const entries = Array.from({ length: values.count }, (_, index) => {
    const fixedData = buildData(index, values);
    return [fixedData.email, { fixedData }] as const;
  });
  return { ...buildShared(values), invitations: Object.fromEntries(entries) };
}

/** What the invitations have in common. */
export function buildShared({ team }: Values) {
  const fixedData = { attributes: { team } };
  return {
    name: "bench",
    expires: "2035-01-31T12:00:00Z",
    singleUse: true,
    flow: "default-source-enrollment",
    fixedData,
  };
}

export function buildData(index: number, { role }: Values) {
  return { email: `person-${index}@example.com`, ...(index === 0 ? { role } : {}) };
}

/** The inputs that both programs declare. `firstRole` is part of the first resource only, so that one resource can be changed. */
export function buildInputs(index: number, team: string, firstRole?: string) {
  return {
    name: `bench-${index}`,
    expires: "2035-01-31T12:00:00Z",
    singleUse: true,
    flow: "default-source-enrollment",
    fixedData: {
      email: `person-${index}@example.com`,
      attributes: { team },
      ...(index === 0 && firstRole !== undefined ? { role: firstRole } : {}),
    },
  };
}

<<<<<<< HEAD
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
=======
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
>>>>>>> 5e9ba8b (invitationsFromCsv reads what spreadsheets write, or says by file and line what is wrong)
import {
  type CsvInvitation,
  type CsvRow,
  type InvitationsFromCsvOptions,
  invitationsFromCsv,
  parseInvitations,
} from "../../provider/functions/invitations-from-csv";

<<<<<<< HEAD
describe("invitationsFromCsv", () => {
  const folder = mkdtempSync(join(tmpdir(), "csv-"));
  const file = join(folder, "people.csv");
  afterAll(() => rmSync(folder, { recursive: true }));

  const read = (
    csv: string | Uint8Array,
    options: Partial<InvitationsFromCsvOptions> = {},
  ): Record<string, CsvInvitation> => {
    writeFileSync(file, csv);
    return invitationsFromCsv(file, { key: "email", ...options });
  };
  const getErrors = (csv: string | Uint8Array, options: Partial<InvitationsFromCsvOptions> = {}): string[] => {
    try {
      read(csv, options);
    } catch (error) {
      return String((error as Error).message)
        .replaceAll(file, "people.csv")
        .split("\n");
    }
    throw new Error("Expected an error.");
  };

  test("reads quotes, a byte order mark and CRLF", () => {
    const csv = '\uFEFFemail,name\r\na@x.org,"Ada ""Countess"", L."\r\n\r\nb@x.org,"two\r\nlines"\r\n';
    expect(read(csv, { fixedData: ["email", "name"] })).toEqual({
      "a@x.org": { fixedData: { email: "a@x.org", name: 'Ada "Countess", L.' } },
      "b@x.org": { fixedData: { email: "b@x.org", name: "two\r\nlines" } },
    });
  });

  test("reads the address to which each link is emailed, from a column or a function", () => {
    const csv = "email,boss\na@x.org,b@x.org\nc@x.org, \n";
    expect(read(csv, { email: "boss" })).toEqual({ "a@x.org": { email: { to: ["b@x.org"] } }, "c@x.org": {} });
    const withCopy = ({ email, boss }: CsvRow): CsvInvitation["email"] =>
      String(boss).trim() === "" ? undefined : { to: [String(email)], cc: [String(boss)] };
    expect(read(csv, { email: withCopy })).toEqual({
      "a@x.org": { email: { to: ["a@x.org"], cc: ["b@x.org"] } },
      "c@x.org": {},
    });
    expect(getErrors(csv, { email: "mail" })).toEqual(["people.csv:1: no column mail. Did you mean email?"]);
  });

  test("reads optional columns, and computes fixedData with a function", () => {
    const csv = "email,until,days,once\na,2031-01-01T00:00:00Z,,TRUE\nb,,14d,false\nc,,,\n";
    const options = { expires: "until", validFor: "days", singleUse: "once" };
    expect(read(csv, { ...options, fixedData: ({ email }) => ({ e: email }) })).toEqual({
      a: { expires: "2031-01-01T00:00:00Z", singleUse: true, fixedData: { e: "a" } },
      b: { validFor: "14d", singleUse: false, fixedData: { e: "b" } },
      c: { fixedData: { e: "c" } },
    });
  });

  test("reports all errors at once by file and line, without cells", () => {
    expect(getErrors("email,once\nsecret,maybe\n,\nsecret,\n", { singleUse: "once" })).toEqual([
      "people.csv:2: once must be true or false",
      "people.csv:3: email must not be empty",
      "people.csv:4: email is the same as in line 2",
    ]);
    expect(getErrors("mail\nx\n")).toEqual(["people.csv:1: no column email. Did you mean mail?"]);
    expect(getErrors("email,name\nx,secret,secret\n")[0]).toBe(
      "people.csv:2: the number of cells differs from the header's",
    );
    expect(getErrors('email\n"secret\n')[0]).toMatch(/^people\.csv:\d+: a quote is not closed$/);
  });

  const data: Partial<InvitationsFromCsvOptions> = { fixedData: ["name"] };
  const jörg = { "j@x.org": { fixedData: { name: "Jörg €" } } };

  test.each<[string, Buffer, Partial<InvitationsFromCsvOptions>]>([
    ["UTF-8", Buffer.from("\uFEFFemail,name\nj@x.org,Jörg €\n"), {}],
    ["UTF-16 LE", Buffer.from("\uFEFFemail\tname\r\nj@x.org\tJörg €\r\n", "utf16le"), {}],
    ["UTF-16 BE", Buffer.from("\uFEFFemail\tname\r\nj@x.org\tJörg €\r\n", "utf16le").swap16(), { encoding: "utf-8" }],
    ["Windows-1252", Buffer.from("email;name\r\nj@x.org;J\xf6rg \x80\r\n", "latin1"), { encoding: "windows-1252" }],
  ])("reads %s", (_, bytes, options) => {
    expect(read(bytes, { ...data, ...options })).toEqual(jörg);
  });

  test("rejects a file that has another encoding or is no CSV", () => {
    expect(getErrors(Buffer.from("email\nJ\xf6rg\n", "latin1"))).toEqual([
      'people.csv:2: is not UTF-8. Set the option encoding, for example encoding: "windows-1252"',
    ]);
    expect(getErrors(Buffer.from("email\nJ", "utf16le"))[0]).toMatch(/^people\.csv:1: contains a NUL character/);
    expect(getErrors("email\na\nJ\uFFFDrg\n")[0]).toMatch(/^people\.csv:3: contains U\+FFFD/);
    for (const start of ["PK\x03\x04", "\xd0\xcf\x11\xe0"]) {
      expect(getErrors(Buffer.from(`${start}secret`, "latin1"))[0]).toMatch(/^people\.csv: is a workbook .* as CSV$/);
    }
    for (const empty of ["", "\uFEFF", "\r\n \n"]) expect(getErrors(empty)).toEqual(["people.csv: is empty"]);
  });

  test.each([
    "email,name\nj@x.org,Jörg €\n",
    '"email"; "name"\nj@x.org; "Jörg €"\n',
    "email\tname\nj@x.org\tJörg €",
    "sep=;\r\nemail;name\r\nj@x.org;Jörg €",
    "sep=|\nemail|name\nj@x.org|Jörg €",
    '"one, or, two";email;name\n;j@x.org;Jörg €\n',
    "one, two;email;name\n;j@x.org;Jörg €\n",
    "name, email;email;name, first;name\n;j@x.org;;Jörg €\n",
    "email,name\r\nj@x.org,Jörg €\n\n",
    "email,name\nj@x.org,Jörg €\r\n",
    "email,name\rj@x.org,Jörg €\r",
    "email,name\nj@x.org,Jörg €\n,\n , \n\u00A0,\u200B\n,,,,\n   \n",
    "\u200B email\u00A0,\uFEFFname \n\u00A0j@x.org\u200B,\u2003Jörg €\u00A0\n",
    "email,name,constructor,__proto__,,\nj@x.org,Jörg €,1,2,,\n",
  ])("reads %j", (csv) => {
    expect(read(csv, data)).toEqual(jörg);
  });

  test("reads a single column, another delimiter, and a file without a header row", () => {
    expect(read("email\na\nb\n")).toEqual({ a: {}, b: {} });
    expect(read("email|name\nj@x.org|Jörg €\n", { ...data, delimiter: "|" })).toEqual(jörg);
    expect(read("j@x.org;Jörg €\n", { ...data, columns: ["email", "name"] })).toEqual(jörg);
    const errors = getErrors("secret@x.org,emai1@x.org,secret@x.org\n");
    expect(errors).toEqual(["people.csv:1: no column email. If the file has no header row, set the option columns"]);
  });

  test("leaves out empty cells of fixedData", () => {
    expect(read("email,name\na, \n", { fixedData: ["email", "name"] })).toEqual({ a: { fixedData: { email: "a" } } });
  });

  test("names each missing column once, with the nearest one, and columns with the same name", () => {
    const options = { key: "emial", expires: "untill", fixedData: ["emial", "nmae", "team"] };
    expect(getErrors("email,until,name\n", options)).toEqual([
      "people.csv:1: no column emial. Did you mean email?",
      "people.csv:1: no column nmae. Did you mean name?",
      expect.stringMatching(/^people\.csv:1: no column team\. If the file has no header row/),
      "people.csv:1: no column untill. Did you mean until?",
    ]);
    expect(getErrors("email,x\n", { fixedData: ["department"] })).toEqual([
      expect.stringMatching(/^people\.csv:1: no column department\. The nearest column is (email|x)$/),
    ]);
    expect(getErrors("\nemail,name,email\na,b,c\n")).toEqual(["people.csv:2: columns 1 and 3 have the same name"]);
  });

  test("reports keys that differ in capitals or normalization, or keeps the first", () => {
    const csv = "email\nJos\u00E9@x.org\n\nJOSE\u0301@X.ORG\nb\nb\n";
    expect(getErrors(csv)).toEqual([
      "people.csv:4: email is the same as in line 2, except for capitals or Unicode normalization",
      "people.csv:6: email is the same as in line 5",
    ]);
    expect(Object.keys(read(csv, { duplicates: "first" }))).toEqual(["Jos\u00E9@x.org", "b"]);
    expect(getErrors("email\n__proto__\n")).toEqual(["people.csv:2: email must not be __proto__"]);
    expect(read("email\nconstructor\n")).toEqual({ constructor: {} });
  });

  test("warns about one address for two entries, without the address", () => {
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    const csv = "id,email\na,x@x.org\nb,X@x.org\nc,\nd,\n";
    expect(Object.keys(read(csv, { key: "id", email: "email" }))).toHaveLength(4);
    const warning = warn.mock.calls.map(([message]) => message.replaceAll(file, "people.csv"));
    expect(warning).toEqual(["people.csv:3: the address for the email is the same as in line 2"]);
    warn.mockRestore();
  });

  test("rejects a file without rows, unless allowEmpty is set", () => {
    expect(getErrors("email\n,\n")).toEqual([expect.stringMatching(/^people\.csv: has no rows, .* set allowEmpty$/)]);
    expect(getErrors("email\na\n", { skip: () => true })[0]).toMatch(/^people\.csv: skip leaves out all rows/);
    expect(read("email\n", { allowEmpty: true })).toEqual({});
  });

  test("computes each property with a function, and skips rows", () => {
    const csv = "first,last\nAda,Stone\nJoan,Left\n";
    const options: InvitationsFromCsvOptions = {
      key: ({ first, last }) => `${first}.${last}`,
      expires: () => "2035-01-01T00:00:00Z",
      validFor: () => undefined,
      singleUse: ({ first }) => first === "Ada",
      fixedData: ({ first }) => ({ first }),
      email: () => ({ to: ["a@x.org"] }),
      skip: ({ last }) => last === "Left",
    };
    expect(read(csv, options)).toEqual({
      "Ada.Stone": {
        expires: "2035-01-01T00:00:00Z",
        singleUse: true,
        fixedData: { first: "Ada" },
        email: { to: ["a@x.org"] },
      },
    });
  });

  test("reports functions that throw or return something else, without cells", () => {
    const csv = "email,n\nsecret,1\n";
    const fail = ({ email }: CsvRow): never => {
      throw new Error(email);
    };
    for (const name of ["key", "expires", "validFor", "singleUse", "fixedData", "email", "skip"] as const) {
      expect(getErrors(csv, { [name]: fail })).toEqual([`people.csv:2: the function for ${name} threw an error`]);
      const errors = getErrors(csv, { [name]: async () => "secret" });
      expect(errors).toEqual([expect.stringMatching(`^people.csv:2: the function for ${name} must return `)]);
    }
  });

  test("reports the line at which a row starts, as editors count", () => {
    const csv = 'sep=,\r\n\r\nemail,name\r\na,"x\r\ny\nz\rw"\n\n,\rb\r\nc,"\n",d\n';
    expect(getErrors(csv)).toEqual([
      "people.csv:9: email must not be empty",
      "people.csv:10: the number of cells differs from the header's",
      "people.csv:11: the number of cells differs from the header's",
    ]);
    expect(getErrors('email\n"a\nb"\n\n"secret\nx\n')).toEqual(["people.csv:5: a quote is not closed"]);
    expect(getErrors('email\na\nx"secret\n')[0]).toMatch(/^people\.csv:3: is not valid CSV/);
  });

  test("rejects misspelled options and options of another type", () => {
    const options = { delimeter: ";", duplicates: "last", key: 1, columns: "a", skip: true, encoding: "ansi?", x: 1 };
    expect(getErrors("email\na\n", options as unknown as InvitationsFromCsvOptions)).toEqual([
      "people.csv: unknown option delimeter. Did you mean delimiter?",
      expect.stringMatching(/^people\.csv: unknown option x\. The options are key, /),
      "people.csv: option key must be a column or a function",
      "people.csv: option skip must be a function",
      'people.csv: option duplicates must be "error" or "first"',
      expect.stringMatching(/^people\.csv: option encoding must be /),
      "people.csv: option columns must be a list of names",
    ]);
    expect(getErrors("email\na\n", { key: undefined } as unknown as InvitationsFromCsvOptions)).toEqual([
      "people.csv: option key is required",
    ]);
  });

  test("prints column names without directives of the CLI", () => {
    expect(getErrors("<{%fg 9%}>emails,b\n", { key: "<{%fg 9%}>email" })).toEqual([
      "people.csv:1: no column < {%fg 9%}>email. Did you mean < {%fg 9%}>emails?",
    ]);
  });

  test("reads 100,000 rows within seconds", () => {
    const csv = `email;name\n${Array.from({ length: 100_000 }, (_, i) => `p${i}@x.org;"Name ${i}"`).join("\n")}`;
    const start = Date.now();
    const { invitations } = parseInvitations(Buffer.from(csv), "people.csv", { key: "email", fixedData: ["name"] });
    expect(Object.keys(invitations)).toHaveLength(100_000);
    expect(Date.now() - start).toBeLessThan(20_000);
=======
const folder = mkdtempSync(join(tmpdir(), "csv-"));
const file = join(folder, "people.csv");
afterAll(() => rmSync(folder, { recursive: true }));

const read = (
  csv: string | Buffer,
  options: Partial<InvitationsFromCsvOptions> = {},
): Record<string, CsvInvitation> => {
  writeFileSync(file, csv);
  return invitationsFromCsv(file, { key: "email", ...options });
};
const getErrors = (csv: string | Buffer, options: object = {}): string[] => {
  try {
    read(csv, options);
  } catch (error) {
    return String((error as Error).message)
      .replaceAll(file, "people.csv")
      .split("\n");
  }
  throw new Error("Expected an error.");
};
const getWarnings = (csv: string, options: Partial<InvitationsFromCsvOptions> = {}): string[] =>
  parseInvitations(Buffer.from(csv), "people.csv", { key: "email", ...options }).warnings;

test("reads quotes, a byte order mark and CRLF", () => {
  const csv = '\uFEFFemail,name\r\na@x.org,"Ada ""Countess"", L."\r\n\r\nb@x.org,"two\r\nlines"\r\n';
  expect(read(csv, { fixedData: ["email", "name"] })).toEqual({
    "a@x.org": { fixedData: { email: "a@x.org", name: 'Ada "Countess", L.' } },
    "b@x.org": { fixedData: { email: "b@x.org", name: "two\nlines" } },
  });
});

test("reads the address to which each link is emailed, from a column or a function", () => {
  const csv = "id,email,boss\n1,a@x.org,b@x.org\n2,c@x.org, \n";
  expect(read(csv, { key: "id", email: "boss" })).toEqual({ 1: { email: { to: ["b@x.org"] } }, 2: {} });
  const withCopy = ({ email, boss }: CsvRow): CsvInvitation["email"] =>
    boss === "" ? undefined : { to: [String(email)], cc: [String(boss)] };
  expect(read(csv, { key: "id", email: withCopy })).toEqual({
    1: { email: { to: ["a@x.org"], cc: ["b@x.org"] } },
    2: {},
  });
});

test("reads optional columns, and computes everything with functions", () => {
  const csv = "email,until,days,once\na,2031-01-01T00:00:00Z,,TRUE\nb,,14d,no\nc,,,\n";
  const options = { expires: "until", validFor: "days", singleUse: "once" };
  expect(read(csv, { ...options, fixedData: ({ email }) => ({ e: email }) })).toEqual({
    a: { expires: "2031-01-01T00:00:00Z", singleUse: true, fixedData: { e: "a" } },
    b: { validFor: "14d", singleUse: false, fixedData: { e: "b" } },
    c: { fixedData: { e: "c" } },
  });
  expect(
    read(csv, {
      key: ({ email }) => `person-${email}`,
      expires: ({ until }) => (until === "" ? undefined : until),
      validFor: ({ days }) => days ?? "",
      singleUse: ({ once }) => once === "TRUE",
      skip: ({ email }) => email === "c",
    }),
  ).toEqual({
    "person-a": { expires: "2031-01-01T00:00:00Z", singleUse: true },
    "person-b": { validFor: "14d", singleUse: false },
  });
});

test("reports all errors at once by file and line, without cells", () => {
  expect(getErrors("email,once\nsecret,maybe\n,x\nsecret,\n", { singleUse: "once" })).toEqual([
    "people.csv:2: once must be true or false",
    "people.csv:3: email must not be empty",
    "people.csv:4: email is the same as in line 2",
  ]);
  expect(getErrors("mail\nx\n", { fixedData: ["email", "none"] })).toEqual([
    "people.csv:1: no column email. Did you mean mail?",
    "people.csv:1: no column none. If the file has no header row, set the option columns.",
  ]);
  expect(getErrors("email,name\nx,secret,secret\ny\n")).toEqual([
    "people.csv:2: the number of cells differs from the header's",
    "people.csv:3: the number of cells differs from the header's",
  ]);
  expect(getErrors("email,name,email\nx,y,z\n")).toEqual(["people.csv:1: the column email occurs twice"]);
  expect(getErrors('email\n"secret\n')[0]).toMatch(/^people\.csv:\d+: a quote is not closed\.$/);
  expect(getErrors('email\nsec"ret\n')[0]).toMatch(/^people\.csv:2: is not valid CSV/);
});

const umlauts = "email;name\nj@x.org;Jörg Müller\n";

test.each<[string, Buffer, string | undefined]>([
  ["Windows-1252", Buffer.from(umlauts, "latin1"), "windows-1252"],
  ["UTF-8", Buffer.from(umlauts), undefined],
  ["UTF-16LE with a byte order mark", Buffer.from(`\uFEFF${umlauts}`, "utf16le"), undefined],
  ["UTF-16BE with a byte order mark", Buffer.from(`\uFEFF${umlauts}`, "utf16le").swap16(), undefined],
  ["UTF-8 with a byte order mark, whatever encoding says", Buffer.from(`\uFEFF${umlauts}`), "windows-1252"],
])("reads %s", (_name, bytes, encoding) => {
  expect(read(bytes, { encoding, fixedData: ["name"] })).toEqual({ "j@x.org": { fixedData: { name: "Jörg Müller" } } });
});

test.each<[string, Buffer | string, object, string]>([
  [
    "Windows-1252",
    Buffer.from("email\na\nJörg\n", "latin1"),
    {},
    ":3: is not UTF-8. Set the option encoding, for example to ",
  ],
  ["UTF-16 without a byte order mark", Buffer.from(umlauts, "utf16le"), {}, ":1: is not UTF-8. "],
  [
    "a workbook",
    Buffer.from("PK\u0003\u0004\u0014"),
    {},
    ": is a workbook (.xlsx or .ods), not CSV. Export the sheet as CSV.",
  ],
  ["an old workbook", Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1]), {}, ": is a workbook (.xls), not CSV. "],
  [
    "no rows",
    "email,name\n\n , \n",
    {},
    ": has no rows, so that all invitations of the batch would be deleted. Set allowEmpty",
  ],
  ["nothing", "", {}, ":1: no column email. If the file has no header row, set the option columns."],
  ["an unknown encoding", "email\na\n", { encoding: "latin-9000" }, ': encoding: "latin-9000" is not an encoding. '],
])("rejects a file with %s", (_name, content, options, message) => {
  const [error, ...others] = getErrors(content, options);
  expect(error).toContain(`people.csv${message}`);
  expect(others).toEqual([]);
});

test("accepts a file without rows with allowEmpty", () => {
  expect(read("email,name\n", { allowEmpty: true })).toEqual({});
});

test.each<[string, string]>([
  ["commas", "email,name\na@x.org,Ada"],
  ["semicolons", "email;name\na@x.org;Ada"],
  ["tabs", "email\tname\na@x.org\tAda"],
  ["sep=", "sep=;\nemail;name\na@x.org;Ada"],
  ["CRLF, then LF", "email,name\r\na@x.org,Ada\n"],
  ["LF, then CRLF", "email,name\na@x.org,Ada\r\n"],
  ["CR", "email,name\ra@x.org,Ada\r"],
  ["blank rows at the end", "email,name\na@x.org,Ada\n,\n , \n,,\n"],
  ["empty cells beyond the header", "email,name\na@x.org,Ada,,\n"],
  ["blanks that cannot be seen", "\u200bemail , name\n\u00a0a@x.org\u200b,\u2003Ada\ufeff \n"],
  ["quoted headers with other delimiters", '"email","name","a;b;c;d"\na@x.org,Ada,\n'],
])("reads %s", (_name, csv) => {
  expect(read(csv, { fixedData: ["email", "name"] })).toEqual({
    "a@x.org": { fixedData: { email: "a@x.org", name: "Ada" } },
  });
});

test("reads a file without a header row, another delimiter, and columns with names of built-ins", () => {
  expect(read("a|1\nb|2\n", { delimiter: "|", columns: ["email", "n"], fixedData: ["n"] })).toEqual({
    a: { fixedData: { n: "1" } },
    b: { fixedData: { n: "2" } },
  });
  const csv = "email,constructor,toString\na,1,2\n";
  expect(read(csv, { fixedData: ["constructor", "toString"] })).toEqual({
    a: { fixedData: { constructor: "1", toString: "2" } },
  });
});

test("leaves out empty cells of fixedData", () => {
  expect(read("email,name,team\na,,x\n", { fixedData: ["name", "team"] })).toEqual({ a: { fixedData: { team: "x" } } });
});

test("reports a key in other capitals or another normal form, or takes the first one", () => {
  const csv = "email,n\nJane@x.org,1\njane@x.org,2\nJane@x.org,3\nJo\u0308rg,4\nJ\u00f6rg,5\n";
  expect(getErrors(csv)).toEqual([
    "people.csv:3: email differs only in capitals or accents from line 2",
    "people.csv:4: email is the same as in line 2",
    "people.csv:6: email differs only in capitals or accents from line 5",
  ]);
  expect(read(csv, { duplicates: "first", fixedData: ["n"] })).toEqual({
    "Jane@x.org": { fixedData: { n: "1" } },
    "Jo\u0308rg": { fixedData: { n: "4" } },
  });
});

test("warns about an address of two rows, and about one that differs from the key, without the address", () => {
  const csv = "email,mail\na@x.org,a@x.org\nb@x.org,A@X.org\n";
  expect(getWarnings(csv, { email: "mail" })).toEqual([
    "people.csv:3: email has the same address as line 2, so this person gets two links.",
    "people.csv:3: email is another address than the key.",
  ]);
});

test("reports options that are misspelled, of another type, or fail", () => {
  expect(
    getErrors("email\na\n", { fixeddata: ["email"], delimeter: ";", what: 1, skip: "a", duplicates: "last" }),
  ).toEqual([
    "invitationsFromCsv: unknown option fixeddata. Did you mean fixedData?",
    "invitationsFromCsv: unknown option delimeter. Did you mean delimiter?",
    expect.stringMatching(/^invitationsFromCsv: unknown option what\. The options are key, fixedData, /),
    "invitationsFromCsv: the option skip must be a function",
    'invitationsFromCsv: the option duplicates must be "error" or "first"',
  ]);
  const fail = ({ email }: CsvRow): never => {
    throw new RangeError(`secret ${email}`);
  };
  expect(getErrors("email\na\n\nb\n", { fixedData: fail })).toEqual([
    "people.csv:2: the option fixedData failed with a RangeError",
    "people.csv:4: the option fixedData failed with a RangeError",
  ]);
});

test("names the physical line after cells with several lines, blank lines and sep=", () => {
  const csv = 'sep=;\nemail;name\n"a";"two\nlines"\n\n;x\n';
  expect(getErrors(csv)).toEqual(["people.csv:6: email must not be empty"]);
});

test("reads what is written, in any encoding, with any delimiter and line end", () => {
  const cell = fc.stringMatching(/^[a-zäöüß"',;\t 0-9]{0,8}$/).map((value) => value.trim());
  fc.assert(
    fc.property(
      fc.array(cell, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(",", ";", "\t"),
      fc.constantFrom("\n", "\r\n", "\r"),
      fc.constantFrom("utf-8", "windows-1252", "utf-16le"),
      (cells, delimiter, lineEnd, encoding) => {
        const quote = (value: string): string => `"${value.replaceAll('"', '""')}"`;
        const lines = [`key${delimiter}value`, ...cells.map((value, index) => `k${index}${delimiter}${quote(value)}`)];
        const text = lines.join(lineEnd) + lineEnd;
        const bytes =
          encoding === "utf-16le"
            ? Buffer.from(`\ufeff${text}`, "utf16le")
            : Buffer.from(text, encoding === "utf-8" ? "utf8" : "latin1");
        const { entries, errors } = parseInvitations(bytes, "f", { key: "key", fixedData: ["value"], encoding });
        expect(errors).toEqual([]);
        expect(Object.values(entries).map(({ fixedData }) => fixedData?.["value"] ?? "")).toEqual(cells);
      },
    ),
  );
});

test("reads 100,000 rows in reasonable time", () => {
  const csv = `email,name\n${Array.from({ length: 100_000 }, (_, index) => `p${index}@x.org,Name ${index}`).join("\n")}\n`;
  const start = performance.now();
  expect(Object.keys(read(csv, { fixedData: ["name"] }))).toHaveLength(100_000);
  expect(performance.now() - start).toBeLessThan(10_000);
});

test("reads the German spreadsheet of the example: Windows-1252, semicolons, dates, one person twice", () => {
  const season = readFileSync(join(__dirname, "../../examples/csv-intake/season.csv"));
  const { entries, errors, warnings } = parseInvitations(season, "season.csv", {
    encoding: "windows-1252",
    key: "E-Mail",
    duplicates: "first",
    skip: ({ Status }) => Status === "abgesagt",
    expires: ({ Startdatum = "" }) => {
      const [day, month, year] = Startdatum.split(".").map(Number);
      return new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, (day ?? 0) + 3, 23, 59, 59)).toISOString();
    },
    fixedData: ({ "E-Mail": email, Vorname, Nachname }) => ({ email, name: `${Vorname} ${Nachname}` }),
  });
  expect([errors, warnings]).toEqual([[], []]);
  expect(entries).toEqual({
    "joerg.mueller@example.com": {
      expires: "2027-05-04T23:59:59.000Z",
      fixedData: { email: "joerg.mueller@example.com", name: "Jörg Müller" },
    },
    "zoe.gross@example.com": {
      expires: "2027-06-02T23:59:59.000Z",
      fixedData: { email: "zoe.gross@example.com", name: "Zoë Groß" },
    },
>>>>>>> 5e9ba8b (invitationsFromCsv reads what spreadsheets write, or says by file and line what is wrong)
  });
});

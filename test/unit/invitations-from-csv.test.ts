import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import {
  type CsvInvitation,
  type CsvRow,
  type InvitationsFromCsvOptions,
  invitationsFromCsv,
  parseInvitations,
} from "../../provider/functions/invitations-from-csv";

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
  });
});

// A line of program text → coloured tokens. Four small lexers (Python, LLVM IR, assembly, C); a line is
// the unit, because no construct of these that we colour spans lines.

const PYTHON_WORDS = new Set(
  ("False None True and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda not or pass raise return try while with").split(" "),
);
const PYTHON = /(#.*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(@[\w.]+)|(\b\d[\w.]*)|([A-Za-z_]\w*)|(\s+)|([^\s\w])/g;
const LLVM =
  /(;.*)|(c?"(?:[^"\\]|\\.)*")|([%@!#][-\w.$]+|[%@]"[^"]*")|(\b(?:0x[\da-fA-F]+|-?\d[\d.e+-]*)\b)|([A-Za-z_][\w.]*)|(\s+)|([^\s\w])/g;
const ASSEMBLY =
  /((?:#|\/\/|;).*)|("(?:[^"\\]|\\.)*")|(%?\b(?:[re]?[abcd]x|[re]?[sd]i|[re]?[sb]p|r\d+[dwb]?|[xyz]mm\d+|k[0-7]|[xwvqds]\d+)\b)|(\$?-?\b(?:0x[\da-f]+|\d+)\b)|([.A-Za-z_][\w.$@]*)|(\s+)|([^\s\w])/g;
const C =
  /(\/\/.*|\/\*.*?\*\/)|("(?:[^"\\]|\\.)*")|(#\w+|@\w+)|(\b(?:0x[\da-fA-F]+|\d[\w.]*(?:e[-+]?\d+)?f?)\b)|([A-Za-z_]\w*)|(\s+)|([^\s\w])/g;
const C_WORDS = new Set(
  ("if else for while do return break continue switch case default extern static inline const restrict struct " +
    "__global__ __shared__ __device__ __launch_bounds__ __kernel __global __local __private kernel device threadgroup " +
    "constant thread fn var let override workgroup storage uniform read read_write using namespace volatile").split(" "),
);
const C_TYPES =
  /^(?:void|bool|char|short|int|long|half|float|double|unsigned|signed|size_t|u?int\d+(?:_t)?|float\d+(?:x\d+)?|u?int\dx?|half\d|[ui]32|f(?:16|32)|vec\d|array|ptr|uint|ushort|uchar)$/;
const LLVM_TYPES = /^(?:[if]\d+|void|ptr|float|double|half|bfloat|label|metadata|x)$/;
const LLVM_WORDS =
  /^(?:define|declare|target|source_filename|attributes|private|internal|dso_local|unnamed_addr|constant|global|to|align|noundef|nocapture|readonly|inbounds|nuw|nsw|contract|fast|reassoc|noalias)$/;

/** The tokens of `line` as [class, text] pairs; class "" is plain. `language`: python, llvm, asm or c. */
export function tokenise(line, language) {
  if (language === "llvm") return lex(line, LLVM, classifyLlvm);
  if (language === "asm") return lex(line, ASSEMBLY, classifyAssembly);
  if (language === "c") return lex(line, C, classifyC);
  return lex(line, PYTHON, classifyPython);
}

function lex(line, pattern, classify) {
  const tokens = [];
  let before = ""; // the last token that is not blank
  pattern.lastIndex = 0;
  for (let m; (m = pattern.exec(line)); ) {
    const text = m[0];
    tokens.push([classify(m, line, pattern.lastIndex, before), text]);
    if (m[6] === undefined) before = text;
  }
  return tokens;
}

function classifyPython(m, line, end, before) {
  if (m[1] !== undefined) return "comment";
  if (m[2] !== undefined) return "string";
  if (m[3] !== undefined) return "decorator";
  if (m[4] !== undefined) return "number";
  if (m[5] === undefined) return m[7] ? "punct" : "";
  if (PYTHON_WORDS.has(m[5])) return "keyword";
  if (before === "def") return "definition";
  if ((m[5] === "T" || m[5] === "R" || m[5] === "I") && line[end] === ".") return "namespace";
  if (line[end] === "(" || before === ".") return "call";
  return "";
}

function classifyLlvm(m, line, end) {
  if (m[1] !== undefined) return "comment";
  if (m[2] !== undefined) return "string";
  if (m[3] !== undefined) return m[3][0] === "@" ? "call" : m[3][0] === "%" ? "" : "decorator";
  if (m[4] !== undefined) return "number";
  if (m[5] === undefined) return m[7] ? "punct" : "";
  if (line[end] === ":") return "definition";
  if (LLVM_TYPES.test(m[5])) return "namespace";
  return LLVM_WORDS.test(m[5]) ? "comment" : "keyword";
}

function classifyAssembly(m, line, end, before) {
  if (m[1] !== undefined) return "comment";
  if (m[2] !== undefined) return "string";
  if (m[3] !== undefined) return "namespace";
  if (m[4] !== undefined) return "number";
  if (m[5] === undefined) return m[7] ? "punct" : "";
  if (line[end] === ":") return "definition";
  if (m[5][0] === ".") return "comment";
  return before === "" ? "keyword" : "call";
}

function classifyC(m, line, end) {
  if (m[1] !== undefined) return "comment";
  if (m[2] !== undefined) return "string";
  if (m[3] !== undefined) return "decorator";
  if (m[4] !== undefined) return "number";
  if (m[5] === undefined) return m[7] ? "punct" : "";
  if (C_WORDS.has(m[5])) return "keyword";
  if (C_TYPES.test(m[5])) return "namespace";
  return line[end] === "(" ? "call" : "";
}

/** For two token lists, which tokens of each are not common to both (longest common subsequence). */
export function changedTokens(a, b) {
  const n = a.length, m = b.length;
  if (n * m > 40000) return [a.map(() => true), b.map(() => true)];
  const length = Array.from({ length: n + 1 }, () => new Uint16Array(m + 1));
  for (let i = n - 1; i >= 0; i--)
    for (let j = m - 1; j >= 0; j--)
      length[i][j] =
        a[i][1] === b[j][1] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  const left = a.map(() => true), right = b.map(() => true);
  for (let i = 0, j = 0; i < n && j < m; ) {
    if (a[i][1] === b[j][1]) left[i++] = right[j++] = false;
    else if (length[i + 1][j] >= length[i][j + 1]) i++;
    else j++;
  }
  return [left, right];
}

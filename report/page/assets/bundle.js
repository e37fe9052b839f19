// Reads the data of a page: columns.go writes it.

class Bundle {
  constructor(buffer) {
    this.bytes = new Uint8Array(buffer);
    const length = new DataView(buffer).getUint32(0, true);
    this.body = 4 + length;
    const header = JSON.parse(new TextDecoder().decode(this.bytes.subarray(4, this.body)));
    this.parts = new Map(header.map((p) => [p.name, p]));
    this.read = new Map();
  }

  // get decodes a part when it is first asked for.
  get(name) {
    if (!this.read.has(name)) this.read.set(name, this.decode(this.parts.get(name)));
    return this.read.get(name);
  }

  decode(part) {
    const from = this.body + part.offset;
    const bytes = this.bytes.subarray(from, from + part.bytes);
    switch (part.form) {
      case "json":
        return JSON.parse(new TextDecoder().decode(bytes));
      case "text":
        return new TextDecoder().decode(bytes).split("\n");
      case "uint":
        return numbers(bytes, new Uint32Array(part.count));
      case "delta": {
        const all = numbers(bytes, new Float64Array(part.count));
        for (let i = 1; i < all.length; i++) all[i] += all[i - 1];
        return all;
      }
      default: {
        const all = numbers(bytes, new Float64Array(part.count));
        for (let i = 0; i < all.length; i++) all[i] = all[i] % 2 ? -(all[i] + 1) / 2 : all[i] / 2;
        return all;
      }
    }
  }
}

// numbers decodes numbers of seven bits a byte, the lowest first.
function numbers(bytes, into) {
  for (let i = 0, at = 0; i < into.length; i++) {
    let byte = bytes[at++];
    if (byte < 128) {
      into[i] = byte;
      continue;
    }
    let n = byte & 127;
    for (let factor = 128; byte > 127; factor *= 128) {
      byte = bytes[at++];
      n += (byte & 127) * factor;
    }
    into[i] = n;
  }
  return into;
}

async function readBundle() {
  const element = document.getElementById("data");
  performance.mark("code");
  const text = element.textContent;
  element.remove();
  let bytes;
  if (Uint8Array.fromBase64) {
    bytes = Uint8Array.fromBase64(text);
  } else {
    const binary = atob(text);
    bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  }
  performance.mark("bytes");
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Bundle(await new Response(stream).arrayBuffer());
}

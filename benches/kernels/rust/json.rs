mod common;
use common::{mix, sample, Rng};
enum Json {
    Null,
    Bool(bool),
    Num(i64),
    Str(String),
    Arr(Vec<Json>),
    Obj(Vec<(String, Json)>),
}
fn quote(s: &str, out: &mut String) {
    out.push('"');
    let b = s.as_bytes();
    let mut from = 0;
    for i in 0..b.len() {
        let c = b[i];
        if c == 34 || c == 92 || c == 10 {
            out.push_str(&s[from..i]);
            out.push('\\');
            out.push(if c == 10 { 'n' } else { c as char });
            from = i + 1;
        }
    }
    out.push_str(&s[from..]);
    out.push('"');
}
fn encode(v: &Json, out: &mut String) {
    match v {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Num(n) => out.push_str(&n.to_string()),
        Json::Str(s) => quote(s, out),
        Json::Arr(a) => {
            out.push('[');
            for i in 0..a.len() {
                if i > 0 {
                    out.push(',');
                }
                encode(&a[i], out);
            }
            out.push(']');
        }
        Json::Obj(o) => {
            out.push('{');
            for i in 0..o.len() {
                if i > 0 {
                    out.push(',');
                }
                quote(&o[i].0, out);
                out.push(':');
                encode(&o[i].1, out);
            }
            out.push('}');
        }
    }
}
struct Parser<'a> {
    text: &'a str,
    b: &'a [u8],
    at: usize,
}
impl<'a> Parser<'a> {
    fn space(&mut self) {
        while self.at < self.b.len() && (self.b[self.at] == 32 || self.b[self.at] == 10) {
            self.at += 1;
        }
    }
    fn string(&mut self) -> String {
        self.at += 1;
        let mut out = String::new();
        let mut from = self.at;
        loop {
            let c = self.b[self.at];
            if c == 34 {
                out.push_str(&self.text[from..self.at]);
                self.at += 1;
                return out;
            }
            if c == 92 {
                out.push_str(&self.text[from..self.at]);
                let e = self.b[self.at + 1];
                out.push(if e == 110 { '\n' } else { e as char });
                self.at += 2;
                from = self.at;
            } else {
                self.at += 1;
            }
        }
    }
    fn value(&mut self) -> Json {
        self.space();
        let c = self.b[self.at];
        if c == 123 {
            let mut fields = Vec::new();
            self.at += 1;
            self.space();
            while self.b[self.at] != 125 {
                if self.b[self.at] == 44 {
                    self.at += 1;
                    self.space();
                }
                let k = self.string();
                self.space();
                self.at += 1;
                let v = self.value();
                fields.push((k, v));
                self.space();
            }
            self.at += 1;
            Json::Obj(fields)
        } else if c == 91 {
            let mut items = Vec::new();
            self.at += 1;
            self.space();
            while self.b[self.at] != 93 {
                if self.b[self.at] == 44 {
                    self.at += 1;
                }
                items.push(self.value());
                self.space();
            }
            self.at += 1;
            Json::Arr(items)
        } else if c == 34 {
            Json::Str(self.string())
        } else if c == 116 {
            self.at += 4;
            Json::Bool(true)
        } else if c == 102 {
            self.at += 5;
            Json::Bool(false)
        } else if c == 110 {
            self.at += 4;
            Json::Null
        } else {
            let mut neg = false;
            if c == 45 {
                neg = true;
                self.at += 1;
            }
            let mut n = 0i64;
            while self.at < self.b.len() && self.b[self.at] >= 48 && self.b[self.at] <= 57 {
                n = n * 10 + (self.b[self.at] as i64 - 48);
                self.at += 1;
            }
            Json::Num(if neg { -n } else { n })
        }
    }
}
fn field(k: &str, v: Json) -> (String, Json) {
    (k.to_string(), v)
}
fn document(count: i64) -> Json {
    let mut rng = Rng(11);
    let mut users = Vec::new();
    for i in 0..count {
        let mut tags = Vec::new();
        for _ in 0..rng.below(5) {
            tags.push(Json::Str("tag".to_string() + &rng.below(50).to_string()));
        }
        let mut scores = Vec::new();
        for _ in 0..8 {
            scores.push(Json::Num(rng.below(20000) - 10000));
        }
        let address = Json::Obj(vec![
            field("street", Json::Str(rng.below(900).to_string() + " \"Old\" Road")),
            field("zip", Json::Num(10000 + rng.below(80000))),
            field("note", if i % 3 == 0 { Json::Null } else { Json::Str("line one\nline two".to_string()) }),
        ]);
        users.push(Json::Obj(vec![
            field("id", Json::Num(i)),
            field("name", Json::Str("user ".to_string() + &i.to_string())),
            field("active", Json::Bool(i % 2 == 0)),
            field("tags", Json::Arr(tags)),
            field("scores", Json::Arr(scores)),
            field("address", address),
        ]));
    }
    Json::Obj(vec![field("version", Json::Num(3)), field("users", Json::Arr(users))])
}
fn main() {
    let rounds = common::size(120);
    common::report("json", || {
        let mut doc = document(1000);
        let mut h = 0;
        for _ in 0..rounds {
            let mut s = String::new();
            encode(&doc, &mut s);
            h = mix(h, sample(&s, 211));
            h = mix(h, s.len() as i64);
            let mut p = Parser { text: &s, b: s.as_bytes(), at: 0 };
            doc = p.value();
        }
        h.to_string()
    });
}

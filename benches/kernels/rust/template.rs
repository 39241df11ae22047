mod common;
use common::{mix, sample, Rng};
struct Row {
    id: i64,
    name: String,
    note: String,
    cents: i64,
    stock: i64,
    tags: Vec<String>,
}
fn escape(s: &str) -> String {
    let b = s.as_bytes();
    let mut out = String::new();
    let mut from = 0;
    for i in 0..b.len() {
        let e = match b[i] {
            38 => "&amp;",
            60 => "&lt;",
            62 => "&gt;",
            34 => "&quot;",
            _ => continue,
        };
        out.push_str(&s[from..i]);
        out.push_str(e);
        from = i + 1;
    }
    if from == 0 {
        return s.to_string();
    }
    out.push_str(&s[from..]);
    out
}
fn price(cents: i64) -> String {
    let rest = cents % 100;
    let mut s = "$".to_string();
    s += &(cents / 100).to_string();
    s += if rest < 10 { ".0" } else { "." };
    s += &rest.to_string();
    s
}
fn page(title: &str, visit: i64, rows: &Vec<Row>) -> String {
    let mut o = String::new();
    o += "<!doctype html><html><head><title>";
    o += &escape(title);
    o += "</title></head><body><h1>";
    o += &escape(title);
    o += "</h1><p>visit ";
    o += &visit.to_string();
    o += "</p><table>";
    let mut total = 0;
    for i in 0..rows.len() {
        let r = &rows[i];
        o += if i % 2 == 0 { "<tr class=\"even\"><td>" } else { "<tr class=\"odd\"><td>" };
        o += &r.id.to_string();
        o += "</td><td>";
        o += &escape(&r.name);
        o += "</td><td>";
        o += &escape(&r.note);
        o += "</td><td>";
        o += &price(r.cents + visit % 50);
        o += "</td><td>";
        if r.stock == 0 {
            o += "<b>sold out</b>";
        } else {
            o += &r.stock.to_string();
        }
        o += "</td><td>";
        for t in &r.tags {
            o += "<i>";
            o += &escape(t);
            o += "</i>";
        }
        o += "</td></tr>\n";
        total += r.cents * r.stock;
    }
    o += "</table><p>total ";
    o += &price(total);
    o += "</p></body></html>";
    o
}
fn main() {
    let pages = common::size(4000);
    common::report("template", || {
        let mut rng = Rng(31);
        let mut rows = Vec::new();
        for i in 0..200 {
            let mut tags = Vec::new();
            for _ in 0..rng.below(4) {
                tags.push("t".to_string() + &rng.below(30).to_string());
            }
            rows.push(Row {
                id: 1000 + i,
                name: "Item <".to_string() + &i.to_string() + "> & co",
                note: if i % 4 == 0 { "says \"fine\" & means it".to_string() } else { "plain text without any markup in it".to_string() },
                cents: 100 + rng.below(90000),
                stock: rng.below(6),
                tags,
            });
        }
        let mut h = 0;
        for p in 0..pages {
            let s = page("Stock & prices", p, &rows);
            h = mix(h, s.len() as i64);
            h = mix(h, sample(&s, 499));
        }
        h.to_string()
    });
}

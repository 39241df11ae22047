mod common;
struct Body {
    x: f64,
    y: f64,
    z: f64,
    vx: f64,
    vy: f64,
    vz: f64,
    mass: f64,
}
fn bodies() -> Vec<Body> {
    // Five made-up bodies on loose orbits round a heavy one.
    let mut out = Vec::new();
    out.push(Body { x: 0.0, y: 0.0, z: 0.0, vx: 0.0, vy: 0.0, vz: 0.0, mass: 40.0 });
    for i in 1..5 {
        let r = i as f64 * 5.0;
        let s = 2.0 + 0.25 * i as f64;
        out.push(Body {
            x: r,
            y: 0.5 * i as f64,
            z: 0.125 * i as f64,
            vx: -0.0625 * i as f64,
            vy: s,
            vz: 0.03125 * i as f64,
            mass: 0.03125 * i as f64,
        });
    }
    let (mut px, mut py, mut pz) = (0.0, 0.0, 0.0);
    for b in &out {
        px += b.vx * b.mass;
        py += b.vy * b.mass;
        pz += b.vz * b.mass;
    }
    let m = out[0].mass;
    out[0].vx = -px / m;
    out[0].vy = -py / m;
    out[0].vz = -pz / m;
    out
}
fn energy(bs: &[Body]) -> f64 {
    let mut e = 0.0;
    for i in 0..bs.len() {
        let a = &bs[i];
        e += 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz);
        for j in i + 1..bs.len() {
            let b = &bs[j];
            let (dx, dy, dz) = (a.x - b.x, a.y - b.y, a.z - b.z);
            e -= a.mass * b.mass / (dx * dx + dy * dy + dz * dz).sqrt();
        }
    }
    e
}
fn step(bs: &mut Vec<Body>, dt: f64) {
    let n = bs.len();
    for i in 0..n {
        for j in i + 1..n {
            let dx = bs[i].x - bs[j].x;
            let dy = bs[i].y - bs[j].y;
            let dz = bs[i].z - bs[j].z;
            let d2 = dx * dx + dy * dy + dz * dz;
            let mag = dt / (d2 * d2.sqrt());
            let mj = bs[j].mass * mag;
            let mi = bs[i].mass * mag;
            bs[i].vx -= dx * mj;
            bs[i].vy -= dy * mj;
            bs[i].vz -= dz * mj;
            bs[j].vx += dx * mi;
            bs[j].vy += dy * mi;
            bs[j].vz += dz * mi;
        }
    }
    for i in 0..n {
        bs[i].x += dt * bs[i].vx;
        bs[i].y += dt * bs[i].vy;
        bs[i].z += dt * bs[i].vz;
    }
}
fn main() {
    let n = common::size(3_000_000);
    common::report("nbody", || {
        let mut bs = bodies();
        let before = energy(&bs);
        for _ in 0..n {
            step(&mut bs, 0.001);
        }
        let after = energy(&bs);
        format!("{}:{}", (before * 1e9).floor() as i64, (after * 1e9).floor() as i64)
    });
}

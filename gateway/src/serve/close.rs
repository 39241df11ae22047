//! Ending a connection so that the client hears what was said last.
//!
//! Closing a socket with unread bytes resets it, and the client would lose the answer that tells it what was wrong. So after the
//! last answer we stop writing and read away, for a bounded time, what the client still sends.

use std::time::Duration;

use cop_runtime::Failure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stream::Stream;
use crate::reply;

/// How long a closing connection reads away what the client still sends.
const LINGER: Duration = Duration::from_secs(2);

/// Writes a failure as a whole answer to a stream that hyper does not serve, and closes it.
pub(crate) async fn say_and_close(mut stream: Stream, failure: &Failure) {
    let answer = reply::without_request(failure);
    let said = async {
        stream.write_all(&answer).await?;
        stream.flush().await
    };
    if let Ok(Ok(())) = tokio::time::timeout(LINGER, said).await {
        linger(stream).await;
    }
}

/// Ends our side, then reads away what still comes, so that the close does not destroy what we wrote.
pub(crate) async fn linger(mut stream: Stream) {
    // All ends of this wait are fine: the client closed, it had its time, or it is gone already.
    let _ = tokio::time::timeout(LINGER, async {
        stream.shutdown().await?;
        let mut sink = vec![0; 16 * 1024];
        while stream.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
}
